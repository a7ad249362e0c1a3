"""Write ``docs/catalogue.md`` from the catalogue and the bundled prices.

    python scripts/catalogue_page.py [--check]

--check writes nothing and exits 1 when the page is not what it would write.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "catalogue.md"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    given = parser.parse_args(arguments)
    os.environ.pop("FAULTLINE_HOME", None)  # the page is about the bundled prices
    from build.catalogue_page import page

    text = page()
    if given.check:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print(f"{PAGE} is stale: python scripts/catalogue_page.py", file=sys.stderr)
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
