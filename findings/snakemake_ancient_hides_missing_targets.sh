#!/usr/bin/env bash
# After a kill, `snakemake --rerun-incomplete` may run one job, exit 0, and leave the targets of `rule all` unmade.
#
# Version     snakemake 9.27.1 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   A chain a -> b -> c in which inputs are `ancient`. The machine goes down after the job of a has written
#             its file and before Snakemake has noted that; b and c were never made. The next run with
#             --rerun-incomplete makes a again, says "1 of 1 steps (100%) done" and exits 0, and c, which `rule all`
#             asks for, does not exist. The same follows from --forcerun a. A third run makes b and c. Without `ancient`
#             all three are made at once. (`all` counts as a step. `kill -KILL 0` stands for the machine going down; it
#             reaches its own session alone.)
# Why it hurts   `ancient` is what long studies use so that dates do not rerun days of training; whoever trusts the exit
#             status after a kill, as a script does, goes on with results that are not there.
# Seen        2026-11-29:
#               ancient: after a kill: exit 0, 1 of 1 steps (100%) done, c is absent
#               ancient: a third run: exit 0, 3 of 3 steps (100%) done, c is there
#               ancient: forced a: exit 0, 1 of 1 steps (100%) done, c is absent
#               plain: after a kill: exit 0, 4 of 4 steps (100%) done, c is there
# Related     https://github.com/snakemake/snakemake/issues/4166 (an updated input, and a second run that is needed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check snakemake==9.27.1
export XDG_CONFIG_HOME="$folder/config"

snakefile() { # $1: ancient, or nothing
	cat <<-RULES
		rule all:
		    input: "c"
		rule a:
		    output: "a"
		    shell: "echo a > a; if test -e power; then sleep 1; kill -KILL 0; fi"
		rule b:
		    input: $1("a")
		    output: "b"
		    shell: "cp a b"
		rule c:
		    input: $1("b")
		    output: "c"
		    shell: "cp b c"
	RULES
}

again() { # $1: kind; $2: what has happened; the rest: options
	local status=0 said
	../env/bin/snakemake --cores 1 --nolock "${@:3}" > log 2>&1 || status=$?
	said=$(grep -o "[0-9]* of [0-9]* steps (.*) done" log | tail -n 1)
	echo "$1 $2 exit $status, $said, c is $(test -e c && echo there || echo absent)"
}

for kind in ancient plain; do
	mkdir $kind && cd $kind
	if test $kind = ancient; then snakefile ancient > Snakefile; else snakefile "" > Snakefile; fi
	touch power
	setsid ../env/bin/snakemake --cores 1 --nolock > first.log 2>&1 || true # ends with its whole process group
	rm power
	test -s a
	test ! -e b
	again "$kind:" "after a kill:" --rerun-incomplete
	if test $kind = ancient; then
		again "$kind:" "a third run:"
		rm -rf .snakemake b c
		again "$kind:" "forced a:" --forcerun a
	fi
	cd ..
done | tee seen

diff seen - <<'E2'
ancient: after a kill: exit 0, 1 of 1 steps (100%) done, c is absent
ancient: a third run: exit 0, 3 of 3 steps (100%) done, c is there
ancient: forced a: exit 0, 1 of 1 steps (100%) done, c is absent
plain: after a kill: exit 0, 4 of 4 steps (100%) done, c is there
E2
