#!/bin/sh
# Makes .venv from the lock; make calls it. Safe to run again: what is there is completed.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The system's own before others on the PATH: it is built with the compiler's profile of a Python at work. With one that was
# not, Ansible took a fifth longer to start (docs/performance.md).
python=${PYTHON:-python3}
if [ -z "${PYTHON:-}" ] && new_enough /usr/bin/python3 && has_venv /usr/bin/python3; then python=/usr/bin/python3; fi
if ! new_enough "$python"; then
    say "$python is not Python 3.11 or later; name one that is: make PYTHON=/path/to/python3"
    exit 2
fi
if ! has_venv "$python"; then
    say "installing python3-venv"
    if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; }; then
        say "$python has no venv module; as root: apt install python3-venv"
        exit 2
    fi
fi

say "Python environment in .venv, about half a minute"
rm -f .venv/.ready
if ! { [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null; }; then
    rm -rf .venv
    "$python" -m venv .venv
fi

pip_install() { .venv/bin/python -m pip install -qq --disable-pip-version-check "$@"; }

# uv is much quicker than pip. It knows nothing of pip's settings, but for the index here; where it finds no way, pip may.
with_uv() {
    pip_install --no-compile --require-hashes --requirement tools/uv.lock || return
    index=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null)} || index=
    UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index} .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --requirement requirements.lock
}
if ! with_uv; then
    say "uv could not install; now with pip, which takes longer"
    pip_install --no-compile --require-hashes --requirement requirements.lock
fi
pip_install --no-deps --no-build-isolation --editable .

# Compiled here by all cores, and only what a drill is likely to import: the rest is most of it, and compiled when it is imported.
.venv/bin/python -m compileall -qq -j 0 -x '/(ansible_collections|ansible_test|hypothesis|mypy|mypyc|pip|plotly|pygments|setuptools)/' .venv/lib || true # a file for another Python is not imported, either
# Ansible's tasks on this machine, without compiling their modules each time; the file says more.
mkdir -p .venv/var/cache/ansible-bytecode
for packages in .venv/lib/python*/site-packages; do
    cp roles/lab_machine/files/ansible_bytecode.py "$packages/"
    echo 'import ansible_bytecode' >"$packages/ansible_bytecode.pth"
done
touch .venv/.ready
