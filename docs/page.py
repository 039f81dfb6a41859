# SPDX-License-Identifier: BSD-3-Clause
"""A page with a table that is made of a source file, between two comments: what drops.py and sandbox.py share."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
END = "<!-- end -->\n"


def main(page, source, table):
    """Puts table(text of source) into the page, or with --check compares; 1 when the page is not what it says."""
    with open(os.path.join(ROOT, source), encoding="utf-8") as file:
        rows = table(file.read())
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read()
    begin = f"<!-- from {os.path.basename(source)} -->\n"
    before, rest = text.split(begin)
    new = before + begin + rows + END + rest.split(END)[1]
    if "--check" in sys.argv:
        if new != text:
            print(f"{page} is not what {source} says: run {page.replace('.md', '.py')}")
        return int(new != text)
    with open(os.path.join(ROOT, page), "w", encoding="utf-8") as file:
        file.write(new)
    return 0
