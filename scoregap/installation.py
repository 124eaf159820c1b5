"""Where the package is, and what lies beside it: the workflow, the accepted baselines, the revision of the code.

a checkout, or what a wheel has installed -> their folders

A wheel has `workflow` and `results/baselines` of the checkout inside the package (pyproject.toml), so there is one copy
of each in either.
"""

import os
import subprocess
from pathlib import Path

import scoregap

PACKAGE = Path(__file__).resolve().parent
INSTALLED = (PACKAGE / "workflow").is_dir()  # from a wheel
CHECKOUT = None if INSTALLED else PACKAGE.parent
WORKFLOW = PACKAGE / "workflow" if INSTALLED else PACKAGE.parent / "workflow"
BASELINES = PACKAGE / "baselines" if INSTALLED else PACKAGE.parent / "results" / "baselines"


def revision() -> str:
    """Which code this is: of a git checkout what `git describe` says, and otherwise the version of the package.

    A repository that the package merely lies in, as the environment of another project does, says nothing of it.
    """
    if CHECKOUT and (CHECKOUT / ".git").exists():
        # what tells git of another repository, as in its hooks
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        try:
            git = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError:  # no git on this machine
            pass
        else:
            if git.stdout.strip():
                return git.stdout.strip()
    return f"scoregap {scoregap.__version__}"
