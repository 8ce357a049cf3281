"""How a report reads: pure functions from the report, and the evidence it cites, to HTML, Markdown and SVG.

`report_html` and `report_markdown` write a whole page in one of the forms of `Form`; `figure_svg` and `sketch_svg`
make its pictures, each a file of its own. Nothing here does I/O or knows a clock. Why it is here: docs/adr/0012.
"""

from schemas.pages.forms import Form, report_html, report_markdown
from schemas.pages.labels import cited_ids, labels, numbered
from schemas.pages.links import HERE, PageLinks
from schemas.pages.said import SCORE_WORDS
from schemas.pages.series import figure_svg
from schemas.pages.sketch import sketch_svg

__all__ = [
    "HERE",
    "SCORE_WORDS",
    "Form",
    "PageLinks",
    "cited_ids",
    "figure_svg",
    "labels",
    "numbered",
    "report_html",
    "report_markdown",
    "sketch_svg",
]
