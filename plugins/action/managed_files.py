# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""The controller's half of the module managed_files: it reads sources and renders templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

ORIGINS = ("content", "src", "template")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Turns `src`, `template` and `trees` into contents, then runs the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give the module's result."""
        del tmp
        result: dict[str, Any] = super().run(task_vars=task_vars)
        given = dict(self._task.args)
        files = [one for entry in given.pop("files", None) or [] for one in self._of_file(entry, task_vars or {})]
        files += [one for entry in given.pop("trees", None) or [] for one in self._of_tree(entry)]
        result.update(self._execute_module(module_args={**given, "files": files}, task_vars=task_vars))
        return result

    def _of_file(self, entry: dict[str, Any], variables: dict[str, Any]) -> list[dict[str, Any]]:
        about = {key: value for key, value in entry.items() if key not in (*ORIGINS, "instances")}
        origins = [key for key in ORIGINS if entry.get(key) is not None]
        if len(origins) != 1:
            raise AnsibleActionFail(f"files: {entry.get('dest')}: give exactly one of content, src and template")
        if "content" in origins:
            return [{**about, "content": entry["content"]}]
        if "src" in origins:
            found = Path(self._find_needle("files", entry["src"]))
            return [{**about, "content": found.read_text(encoding="utf-8")}]
        if entry.get("instances") is None:
            return [{**about, "content": self._rendered(entry["template"], variables, {})}]
        return [
            {
                **about,
                "dest": about["dest"].replace("%i", name),
                "content": self._rendered(entry["template"], variables, {"instance": name}),
            }
            for name in entry["instances"]
        ]

    def _of_tree(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        about = {key: value for key, value in entry.items() if key not in ("src", "dest", "pattern")}
        folder = Path(self._find_needle("files", entry["src"]))
        found = sorted(path for path in folder.glob(entry.get("pattern", "*")) if path.is_file())
        if not found:
            raise AnsibleActionFail(f"trees: {entry['src']}: no file in {folder} fits {entry.get('pattern', '*')}")
        return [
            {**about, "dest": f"{entry['dest']}/{path.name}", "content": path.read_text(encoding="utf-8")}
            for path in found
        ]

    def _rendered(self, template: str, variables: dict[str, Any], more: dict[str, str]) -> str:
        """Render as the template module would; the lookup is the part of it that others may use."""
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        text: str = lookup.run([template], variables=variables, template_vars=more)[0]
        return text
