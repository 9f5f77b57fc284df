from pathlib import Path

import pytest

from drill_runner.catalog import Project, drill_names, find_project, load_drill, load_drills, load_faults
from drill_runner.errors import UsageError
from drill_runner.model.fault import Fidelity, Parameter
from tests.unit.project_tree import make_project, replace, write


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def drill_error(project: Project, name: str = "bitrot") -> str:
    with pytest.raises(UsageError) as raised:
        load_drill(project, name, load_faults(project))
    return str(raised.value)


def faults_error(project: Project) -> str:
    with pytest.raises(UsageError) as raised:
        load_faults(project)
    return str(raised.value)


class TestFaults:
    def test_a_folder_is_a_fault(self, project: Project) -> None:
        faults = load_faults(project)
        assert list(faults) == ["flip", "stop"]
        assert faults["flip"].manifest.fidelity is Fidelity.REAL
        assert faults["flip"].manifest.target_group == "servers"
        assert faults["stop"].manifest.time_limit_s == 60

    def test_parameters_are_the_options_with_the_faults_prefix(self, project: Project) -> None:
        assert load_faults(project)["flip"].parameters == (
            Parameter(name="bytes", type="int", description="How many. In bytes.", default=4096),
            Parameter(
                name="mode", type="str", description="What to write.", default="zero", choices=("zero", "random")
            ),
            Parameter(name="share", type="float", description="Share of the file.", default=0.5),
            Parameter(name="quiet", type="bool", description="Say nothing.", default=False),
            Parameter(name="file", type="str", description="Which file."),
        )

    def test_what_the_role_gives_itself_no_drill_has_to_give(self, project: Project) -> None:
        write(project.roles / "fault_stop/defaults/main.yml", "fault_stop_signal: ''\n")
        assert load_faults(project)["stop"].parameters == (
            Parameter(name="signal", type="str", description="Which signal.", default=""),
        )

    def test_options_may_be_shared_by_an_anchor(self, project: Project) -> None:
        write(
            project.root / "roles/fault_stop/meta/argument_specs.yml",
            """\
            argument_specs:
              revert: {options: &shared {fault_stop_signal: {type: str, description: Which.}}}
              inject: {options: *shared}
            """,
        )
        assert [parameter.name for parameter in load_faults(project)["stop"].parameters] == ["signal"]

    @pytest.mark.parametrize(
        ("path", "old", "new", "message"),
        [
            (
                "roles/fault_flip/meta/fault.yml",
                "fidelity: real",
                "fidelity: reel",
                "roles/fault_flip/meta/fault.yml:2: fidelity: must be 'real', 'faithful' or 'telemetry', not 'reel'",
            ),
            (
                "roles/fault_flip/meta/fault.yml",
                "target_group:",
                "target_grup:",
                (
                    "roles/fault_flip/meta/fault.yml:3: target_grup: unknown key; expected one of destructive, "
                    "effect_within_s, fidelity, further_groups, requires, stands_for, summary, target_group, "
                    "time_limit_s (did you mean target_group?) (and 1 more)"
                ),
            ),
            (
                "roles/fault_flip/meta/fault.yml",
                "fidelity: real",
                "fidelity: real\nrequires: [warp_drive]",
                "roles/fault_flip/meta/fault.yml:3: requires[0]: must be 'systemd' or 'host_power', not 'warp_drive'",
            ),
            (
                "roles/fault_flip/meta/fault.yml",
                "fidelity: real",
                "fidelity: real\nstands_for: [{study: crusoe, classes: [other_host]}]",
                (
                    "roles/fault_flip/meta/fault.yml:3: stands_for[0].study: unknown study crusoe; expected one of "
                    "crusoe_h200, google_sre_triggers, llama3_405b, llm_inference_incidents "
                    "(did you mean crusoe_h200?) of incident-studies.yml"
                ),
            ),
            (
                "roles/fault_flip/meta/fault.yml",
                "fidelity: real",
                "fidelity: real\nstands_for: [{study: crusoe_h200, classes: [other_host, other_hosts]}]",
                (
                    "roles/fault_flip/meta/fault.yml:3: stands_for[0].classes[1]: crusoe_h200 has no class "
                    "other_hosts; expected one of gpu_recoverable, host_replacement, infiniband_hardware, "
                    "infiniband_other, infiniband_recoverable, other_host (did you mean other_host?) "
                    "of incident-studies.yml"
                ),
            ),
            (
                "roles/fault_stop/meta/fault.yml",
                "fidelity: faithful",
                "fidelity: faithful\nstands_for: [{study: crusoe_h200, classes: [other_host], fidelity: real}]",
                (
                    "roles/fault_stop/meta/fault.yml:3: stands_for[0].fidelity: real is more than the fault itself "
                    "is; expected faithful or less"
                ),
            ),
            (
                "roles/fault_stop/meta/argument_specs.yml",
                "inject:",
                "main:",
                (
                    "roles/fault_stop/meta/argument_specs.yml:1: argument_specs.inject: "
                    "missing; a fault's parameters are declared there"
                ),
            ),
            (
                "roles/fault_stop/meta/argument_specs.yml",
                "type: str",
                "type: dict",
                (
                    "roles/fault_stop/meta/argument_specs.yml:4: argument_specs.inject.options.fault_stop_signal.type: "
                    "a fault's parameter is a single value, not dict; expected one of bool, float, int, path, str"
                ),
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, project: Project, path: str, old: str, new: str, message: str) -> None:
        replace(project, path, old, new)
        assert faults_error(project).startswith(message)

    def test_a_manifest_must_be_there(self, project: Project) -> None:
        (project.root / "roles/fault_flip/meta/fault.yml").unlink()
        assert faults_error(project) == "roles/fault_flip/meta/fault.yml: cannot be read: No such file or directory"

    def test_a_folders_name_must_be_a_name(self, project: Project) -> None:
        (project.roles / "fault_flip").rename(project.roles / "fault_Flip")
        assert faults_error(project).startswith("roles/fault_Flip: must match pattern")


class TestDrill:
    def test_a_good_one(self, project: Project) -> None:
        drill = load_drills(project, load_faults(project))["bitrot"]
        assert drill.name == "bitrot"
        assert drill.faults[0].params == {"bytes": 1, "mode": "random"}
        assert drill.recovery.playbook == "recover_host"
        assert drill.postconditions == ("endpoint", "flipped")

    def test_a_destructive_fault_needs_a_check_of_the_backups(self, project: Project) -> None:
        write(
            project.roles / "fault_flip/meta/fault.yml",
            (project.roles / "fault_flip/meta/fault.yml").read_text() + "destructive: true\n",
        )
        assert drill_error(project) == (
            "drills/bitrot.yml:6: steady_state: flip takes bytes away, and nothing can say that there is a backup; "
            "expected tests/postconditions/test_backup_fresh.py"
        )
        write(project.checks / "test_backup_fresh.py", "")
        assert load_drill(project, "bitrot", load_faults(project)).steady_state == ("endpoint",)

    def test_a_path_anywhere_will_do(self, project: Project, tmp_path: Path) -> None:
        path = write(tmp_path / "elsewhere/mine.yml", (project.drills / "bitrot.yml").read_text())
        assert load_drill(project, str(path), load_faults(project)).name == "mine"

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nobjectives: {rto_sec: 5}",
                (
                    "drills/bitrot.yml:2: objectives.rto_sec: unknown key; expected one of availability, detect_s, "
                    "failed_requests, goodput_min, itl_p99_ms, replica_rto_s, rpo_s, rto_s, "
                    "ttft_p99_ms (did you mean rto_s?)"
                ),
            ),
            (
                "summary:",
                "sumary:",
                (
                    "drills/bitrot.yml:1: sumary: unknown key; expected one of abort_if, blast_radius, detection, "
                    "faults, objectives, postconditions, probe, recovery, renew_within_s, settle_s, steady_s, "
                    "steady_state, summary "
                    "(did you mean summary?) (and 1 more)"
                ),
            ),
            (
                "    targets: servers[0]\n",
                "",
                "drills/bitrot.yml:3: faults[0].targets: missing",
            ),
            (
                "    targets:",
                "    target:",
                (
                    "drills/bitrot.yml:4: faults[0].target: unknown key; expected one of fault, params, targets, "
                    "time_limit_s (did you mean targets?) (and 1 more)"
                ),
            ),
            (
                "steady_state:",
                "stedy_state: [endpoint]\nsteady_state:",
                (
                    "drills/bitrot.yml:6: stedy_state: unknown key; expected one of abort_if, blast_radius, detection, "
                    "faults, objectives, postconditions, probe, recovery, renew_within_s, settle_s, steady_s, "
                    "steady_state, summary "
                    "(did you mean steady_state?)"
                ),
            ),
            (
                "fault: flip",
                "fault: flipp",
                (
                    "drills/bitrot.yml:3: faults[0].fault: unknown fault flipp; expected one of flip, stop "
                    "(did you mean flip?)"
                ),
            ),
            (
                "bytes: 1",
                "byte: 1",
                (
                    "drills/bitrot.yml:5: faults[0].params.byte: unknown parameter of flip; expected one of bytes, "
                    "file, mode, quiet, share (did you mean bytes?)"
                ),
            ),
            ("bytes: 1", 'bytes: "1"', "drills/bitrot.yml:5: faults[0].params.bytes: must be a whole number, not '1'"),
            (
                "bytes: 1",
                "bytes: true",
                "drills/bitrot.yml:5: faults[0].params.bytes: must be a whole number, not True",
            ),
            (
                "bytes: 1",
                "bytes: [1]",
                "drills/bitrot.yml:5: faults[0].params.bytes: must be true or false, a number, or text, not [1]",
            ),
            ("bytes: 1", "share: half", "drills/bitrot.yml:5: faults[0].params.share: must be a number, not 'half'"),
            ("bytes: 1", "quiet: 1", "drills/bitrot.yml:5: faults[0].params.quiet: must be true or false, not 1"),
            (
                "mode: random",
                "mode: chaos",
                "drills/bitrot.yml:5: faults[0].params.mode: must be one of zero, random, not 'chaos'",
            ),
            (
                "- fault: flip",
                "- {fault: stop, targets: servers}\n  - fault: flip",
                "drills/bitrot.yml:3: faults[0].params.signal: missing; stop needs text",
            ),
            (
                "[endpoint, flipped]",
                "[endpoint, flip]",
                (
                    "drills/bitrot.yml:8: postconditions[1]: unknown check flip; expected one of endpoint, flipped, "
                    "pool_full (did you mean flipped?)"
                ),
            ),
            (
                "steady_state: [endpoint]",
                "steady_state: [pool]",
                (
                    "drills/bitrot.yml:6: steady_state[0]: unknown check pool; expected one of endpoint, flipped, "
                    "pool_full (did you mean pool_full?)"
                ),
            ),
            (
                "recover_host",
                "recover_hosts",
                (
                    "drills/bitrot.yml:7: recovery.playbook: unknown playbook recover_hosts; expected one of "
                    "recover_host (did you mean recover_host?)"
                ),
            ),
            (
                "playbook: recover_host",
                "playbook: ../etc/passwd",
                "drills/bitrot.yml:7: recovery.playbook: must match pattern '^[a-z][a-z0-9_]*$', not '../etc/passwd'",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nblast_radius: {max_hosts: 0}",
                "drills/bitrot.yml:2: blast_radius.max_hosts: must be greater than or equal to 1, not 0",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nblast_radius: {max_hosts: yes}",
                "drills/bitrot.yml:2: blast_radius.max_hosts: must be a whole number, not True",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nsteady_s: .nan",
                "drills/bitrot.yml:2: steady_s: must be a finite number, not nan",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nobjectives: {detect_s: 5}",
                (
                    "drills/bitrot.yml:2: objectives.detect_s: nobody has to detect anything; "
                    "expected the key detection too"
                ),
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\ndetection: {within_s: 5}",
                (
                    "drills/bitrot.yml:2: detection: names nobody who must notice; "
                    "expected load_balancer, alert, or both"
                ),
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\ndetection: {alert: '', within_s: 5}",
                "drills/bitrot.yml:2: detection.alert: must not be empty",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\ndetection: {alert: ModelIntegrity}",
                "drills/bitrot.yml:2: detection.within_s: missing",
            ),
            ("summary: Bits rot.", "summary: []", "drills/bitrot.yml:1: summary: must be text, not []"),
            ("summary: Bits rot.", "summary: ''", "drills/bitrot.yml:1: summary: must not be empty"),
            (
                "steady_state: [endpoint]",
                "steady_state: endpoint",
                "drills/bitrot.yml:6: steady_state: must be a list, not 'endpoint'",
            ),
            (
                "summary: Bits rot.",
                "summary: Bits rot.\nname: bitrot",
                "drills/bitrot.yml:2: name: unknown key; the file's name is the drill's name",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, project: Project, old: str, new: str, message: str) -> None:
        replace(project, "drills/bitrot.yml", old, new)
        assert drill_error(project) == message

    def test_an_unknown_drill(self, project: Project) -> None:
        assert drill_error(project, "bitrod") == (
            "drills/bitrod.yml: no such drill; expected one of bitrot (did you mean bitrot?)"
        )

    def test_a_path_that_is_not_there(self, project: Project, tmp_path: Path) -> None:
        path = tmp_path / "none.yml"
        assert drill_error(project, str(path)) == f"{path}: cannot be read: No such file or directory"

    def test_a_name_that_is_no_name(self, project: Project) -> None:
        (project.drills / "bitrot.yml").rename(project.drills / "Bit-rot.yml")
        assert drill_error(project, "Bit-rot") == (
            "drills/Bit-rot.yml: the file's name is the drill's: expected small letters, digits and _"
        )

    def test_a_faults_own_check_belongs_to_that_fault(self, project: Project) -> None:
        replace(project, "drills/bitrot.yml", "fault: flip", "fault: stop")
        replace(project, "drills/bitrot.yml", "{bytes: 1, mode: random}", "{signal: KILL}")
        assert drill_error(project).startswith("drills/bitrot.yml:8: postconditions[1]: unknown check flipped;")

    def test_a_number_may_be_whole_where_a_float_is_wanted(self, project: Project) -> None:
        replace(project, "drills/bitrot.yml", "bytes: 1", "share: 1")
        assert load_drill(project, "bitrot", load_faults(project)).faults[0].params["share"] == 1

    def test_a_file_that_is_none(self, project: Project) -> None:
        (project.drills / "folder.yml").mkdir()
        assert drill_error(project, "folder") == "drills/folder.yml: cannot be read: Is a directory"


class TestProject:
    def test_upwards_from_here(self, project: Project) -> None:
        assert find_project(None, project.root / "roles/fault_flip/meta") == project

    def test_the_checkout_if_nothing_is_nearer(self, tmp_path: Path) -> None:
        assert find_project(None, tmp_path).root == Path(__file__).resolve().parents[2]

    def test_the_named_one_or_none(self, project: Project, tmp_path: Path) -> None:
        (tmp_path / "drills").mkdir()
        assert find_project(project.root, tmp_path) == project
        with pytest.raises(UsageError) as raised:
            find_project(tmp_path, project.root)
        assert str(raised.value) == f"{tmp_path}: not a project: it has no folder playbooks and no folder roles"

    def test_names_of_drills(self, project: Project) -> None:
        write(project.drills / "another.yml", "")
        assert drill_names(project) == ("another", "bitrot")
