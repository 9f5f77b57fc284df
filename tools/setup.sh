#!/bin/sh
# Makes .venv from the lock; make calls it. Safe to run again: the environment is swapped in when it is whole.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "$python is not Python 3.11 or later; name one that is: make PYTHON=/path/to/python3"
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "installing python3-venv"
    if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; }; then
        say "$python has no venv module; as root: apt install python3-venv"
        exit 2
    fi
fi

say "Python environment in .venv, about a minute"
rm -f .venv/.ready
[ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || { rm -rf .venv; "$python" -m venv .venv; }
# Compiled here by all cores, and only what is likely to be imported: of 20 000 modules, 15 000 are in Ansible's collections.
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes --requirement requirements.lock
.venv/bin/python -m compileall -qq -j 0 -x '/ansible_collections/' .venv/lib || true # a file for another Python is not imported, either
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
# Ansible's tasks on this machine, without compiling their modules each time; the file says more.
mkdir -p .venv/var/cache/ansible-bytecode
for packages in .venv/lib/python*/site-packages; do
    cp roles/lab_machine/files/ansible_bytecode.py "$packages/"
    echo 'import ansible_bytecode' >"$packages/ansible_bytecode.pth"
done
touch .venv/.ready
