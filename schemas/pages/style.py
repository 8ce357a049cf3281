"""What a page looks like: on a phone, on a desk, in the dark, on paper."""

from __future__ import annotations

from typing import Final

from schemas.pages.svg import PALETTE, PICTURE_STYLE

__all__ = ["STYLE"]

STYLE: Final = f"""{PALETTE}{PICTURE_STYLE}
* {{ box-sizing: border-box }}
body {{ font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); max-width: 50rem; margin: 0 auto; padding: 1rem 1rem 3rem; overflow-wrap: anywhere }}
.eyebrow {{ font-weight: 700; color: var(--mark); font-size: .95rem; margin: 0 }}
.calm {{ color: var(--ok) }}
h1 {{ font-size: 1.5rem; line-height: 1.2; margin: .15rem 0 .7rem }}
h2 {{ font-size: 1.08rem; margin: 1.9rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }}
p {{ margin: .6rem 0 }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .3rem .9rem; margin: 0 0 1rem }}
dt {{ color: var(--dim) }} dd {{ margin: 0 }}
dl .leading {{ grid-column: 1 / -1; background: var(--soft); border-left: 4px solid var(--mark); border-radius: 3px;
  padding: .5rem .75rem; margin-top: .3rem }}
.calm-page .leading {{ border-left-color: var(--ok) }}
.leading dt {{ font-size: .85rem }} .leading dd {{ font-weight: 600 }}
.quiet, figcaption, footer {{ color: var(--dim); font-size: .9rem }}
ol, ul {{ padding-left: 1.3rem; margin: .4rem 0 }} li {{ margin: .4rem 0 }} li li {{ margin: .15rem 0 }}
.tasks {{ list-style: none; padding-left: .2rem }} .tasks > li {{ padding-left: 1.6rem; text-indent: -1.6rem }}
.tasks > li > * {{ text-indent: 0 }} .box {{ display: inline-block; width: .95em; height: .95em; border: 1.5px solid var(--dim);
  border-radius: 2px; margin-right: .65em; vertical-align: -.12em }}
pre {{ background: var(--soft); padding: .6rem; font-size: .82rem; white-space: pre-wrap; margin: .3rem 0; border-radius: 3px }}
code {{ font-size: .88em }}
details {{ margin: .3rem 0 }} summary {{ cursor: pointer }} .query > summary {{ color: var(--dim); font-size: .9rem }}
.finding {{ border-top: 1px solid var(--line); margin: 0; padding: .35rem 0 }} .finding:target {{ background: var(--soft) }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1.2rem }}
figure {{ margin: .4rem 0; max-width: 32rem; break-inside: avoid }} svg {{ width: 100%; height: auto; display: block }} figcaption {{ margin-top: .3rem }}
.table {{ overflow-x: auto }} table {{ border-collapse: collapse; width: 100% }}
th {{ font-weight: 600; color: var(--dim); font-size: .85rem }}
td, th {{ text-align: left; padding: .3rem .7rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line) }}
td:first-child {{ font-variant-numeric: tabular-nums; white-space: nowrap }} td:nth-child(2) {{ font-weight: 600; max-width: 16rem; overflow-wrap: break-word }}
a {{ color: var(--series) }} .cite {{ white-space: nowrap; font-size: .88em }}
.blank {{ border: 1.5px dashed var(--dim); border-radius: 4px; padding: .6rem .75rem; margin: .6rem 0; min-height: 4rem }}
footer {{ margin-top: 2.2rem; border-top: 1px solid var(--line); padding-top: .6rem }} footer p {{ margin: .25rem 0 }}
@media (max-width: 30rem) {{
  body {{ padding: .8rem .8rem 2rem }} h1 {{ font-size: 1.3rem }} dl {{ gap: .2rem .7rem }}
  td, th {{ display: block; border: 0; padding: 0 }} thead {{ display: none }} tr {{ display: block; padding: .4rem 0;
    border-bottom: 1px solid var(--line) }} td:first-child {{ color: var(--dim); font-size: .9rem }}
  td:first-child, td:nth-child(2) {{ display: inline-block; margin-right: .6rem }}
}}
@page {{ size: A4; margin: 14mm }}
@media print {{
  :root {{ color-scheme: light; --ink: #000; --dim: #444; --line: #bbb; --paper: #fff; --soft: #f3f3f3; --mark: #9c1b12;
    --mark-soft: #fbeae9; --ok: #14532d; --series: #0b57a4; --alarm: #7a4a00; --band: #e3e8ee }}
  body {{ font-size: 10.5pt; max-width: none; padding: 0 }} h1 {{ font-size: 16pt }} h2 {{ margin-top: 1rem; break-after: avoid }}
  .query {{ display: none }} .finding summary {{ list-style: none }} a {{ color: inherit; text-decoration: none }}
  li, tr, .finding, .blank, dl {{ break-inside: avoid }} .pictures {{ grid-template-columns: 1fr 1fr }}
}}
"""
