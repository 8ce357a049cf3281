"""What a model may ask of the data, and what it is answered."""
