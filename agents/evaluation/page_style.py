"""The look of an evaluation's pages."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2733;--dim:#66727f;--line:#dde3e9;--soft:#f4f6f8;
--bar:#3b7dd8;--gap:#e0763066;--good:#1a7f4b;--bad:#b3261e;--link:#1d5fb4}
@media(prefers-color-scheme:dark){:root{--paper:#14191f;--ink:#dfe6ee;--dim:#93a0ad;--line:#2d3742;--soft:#1c232b;
--bar:#5b9cf0;--gap:#f0955b66;--good:#5cc48d;--bad:#ff8a80;--link:#86b7ff}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0}
h2{font-size:18px;margin:36px 0 10px}h3{font-size:15px;margin:0}small,.dim,footer{color:var(--dim);font-weight:400}
.lead{font-size:18px;margin:6px 0 18px}a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px;margin:0}
.cards div{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
dt{color:var(--dim);font-size:13px}dd{margin:2px 0 0;font-size:17px;overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
.scroll td:last-child{white-space:nowrap}thead th{color:var(--dim);font-weight:500;white-space:nowrap}.pair{display:flex;gap:40px;flex-wrap:wrap}
.pair>.scroll{flex:1 1 420px}figure{margin:0}figcaption{max-width:290px;color:var(--dim);font-size:13px}
article{border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:8px;padding:10px 14px;margin:0 0 10px}
article p{margin:4px 0}article table{width:auto}article td,article th{border:0;padding:1px 14px 1px 0;font-size:13.5px;font-weight:400}
article th{white-space:nowrap;color:var(--dim)}q{font-style:italic}.good{color:var(--good)}.bad{color:var(--bad)}
.meter{display:inline-block;width:110px;height:9px;border-radius:5px;background:var(--line);overflow:hidden}
.meter i{display:block;height:100%;background:var(--bar)}
svg .grid{stroke:var(--line)}svg .bar{fill:var(--bar)}svg .gap{fill:var(--gap)}
svg .honest{stroke:var(--dim);stroke-dasharray:4 4}svg text{fill:var(--dim);font-size:11px}svg .count{fill:var(--ink)}
footer{margin-top:40px;font-size:13px}code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
pre{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:10px;overflow-x:auto}
"""
