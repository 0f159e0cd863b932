#!/usr/bin/env python3
"""README.md from nbs/index.ipynb: `nbdev_readme` (needs Quarto), then links are made relative to the root."""
import re, subprocess
from pathlib import Path

root = Path(__file__).resolve().parent.parent

def relative():
    "README.md as it is to be read in the repository, where pages are notebooks and lie in nbs/"
    readme = root/'README.md'
    # the site's pages have no numbers
    notebooks = {re.sub(r'^\d+_', '', o.stem): o.name for o in (root/'nbs').glob('*.ipynb')}
    def notebook(m): return f"]({notebooks.get(m[1], m[1]+'.html')}"
    text = re.sub(r'\]\((\w+)\.html', notebook, readme.read_text())
    readme.write_text(re.sub(r'\]\(((?:images/|tutorials/)|\w+\.ipynb)', r'](nbs/\1', text))

if __name__ == '__main__':
    subprocess.run(['nbdev_readme'], cwd=root, check=True)
    relative()
