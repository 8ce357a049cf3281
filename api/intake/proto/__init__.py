"""Prometheus remote write on the wire.

The modules beside this one are generated; to generate them again, at the root:

    .venv/bin/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. api/intake/proto/remote_write_v*.proto

The messages are the part that is read here of those in the specifications:
https://prometheus.io/docs/specs/prw/remote_write_spec/ and https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
"""
