"""`python -m docs.site [FOLDER]`: build the site into dist/docs, or FOLDER. A warning is an error: a
link that leads nowhere, a page that nothing leads to, a block of code that is not in its language."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.site.staging import stage

ROOT = Path(__file__).parents[2]


def build(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        staged, made = Path(folder) / "pages", Path(folder) / "site"
        stage(staged)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-j", "auto"]
        done = subprocess.run(
            [*command, "-d", str(Path(folder) / "read"), str(staged), str(made)], check=False
        )
        if done.returncode:
            raise SystemExit("The pages have mistakes: they are told above, with the page and the line.")
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, out)


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "docs"
    build(out)
    print(out / "index.html")


if __name__ == "__main__":
    main()
