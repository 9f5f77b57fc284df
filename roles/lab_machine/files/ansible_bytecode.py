"""Compile each of Ansible's modules once on a host, and not for each task.

A task arrives as a zip of sources, and Python keeps no bytecode of what it imports from a zip: of the 0.48 s that a
ping took on one of two slow cores, 0.3 s were its compiler's. The lab's hosts share the cores of one machine, also with
the controller, whose environment has this too; real hosts do without.

Bytecode is kept as Python keeps that of hash-based .pyc files (PEP 552): by its interpreter's magic number and by the
hash of the source, so a source that has changed is compiled. Nothing is kept where there is no folder that this user
may write.
"""

import _imp
import marshal
import os
import sys
import zipimport
from _frozen_importlib_external import MAGIC_NUMBER  # loaded at every start, unlike importlib.util, which names it
from types import CodeType

FOLDER = f"{sys.prefix if sys.prefix != sys.base_prefix else ''}/var/cache/ansible-bytecode"
_MAGIC = int.from_bytes(MAGIC_NUMBER, "little")
_compile_source = zipimport._compile_source


def _compiled_once(pathname: str, source: bytes) -> CodeType:
    if "/ansible/" not in pathname and "/ansible_collections/" not in pathname:
        return _compile_source(pathname, source)
    kept = f"{FOLDER}/{_MAGIC:x}-{_imp.source_hash(_MAGIC, source).hex()}-{len(source)}"
    try:
        with open(kept, "rb") as file:
            code = marshal.loads(file.read())
        _imp._fix_co_filename(code, pathname)
    except (OSError, ValueError, EOFError, TypeError):  # none yet, not this user's, or broken
        code = _compile_source(pathname, source)
        _keep(kept, code)
    return code


def _keep(path: str, code: CodeType) -> None:
    part = f"{path}.{os.getpid()}"
    try:
        with open(part, "xb") as file:
            file.write(marshal.dumps(code))
        os.rename(part, path)
    except OSError:  # no folder, no right, no room: it is compiled again next time
        pass


zipimport._compile_source = _compiled_once
