"""The replica serves behind its key, locked down, with a verdict; rot and a crash are seen and got over."""

import json

import pytest

from tests.waiting import wait_until

testinfra_hosts = ["ansible://llm_servers"]

VERIFY = "sudo /usr/local/libexec/llm-server/verify"
WEIGHTS = "/srv/models/SmolLM2-135M-Instruct.Q4_1.gguf"
ASK = (
    "curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8080/v1/completions"
    ' --json \'{"model": "smollm2-135m-instruct", "prompt": "1 2 3", "max_tokens": 1}\''
)
GENERATOR = "/usr/lib/systemd/system-generators/podman-system-generator"
AGENT = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/8090; cat <&3'"


def until_agent_says(host, word):
    def said() -> str:
        return host.run(AGENT).stdout

    wait_until(lambda: said().startswith(word), otherwise=said)


@pytest.fixture
def unit(host):
    found = host.run("sudo podman inspect llm-server")
    assert found.rc == 0, found.stderr
    return json.loads(found.stdout)[0]


def test_digests_and_answers_are_right(host):
    found = host.run(f"{VERIFY} all")
    assert found.rc == 0, found.stderr


def test_nobody_is_served_without_the_key(host):
    assert host.run(ASK).stdout == "401"


def test_container_is_locked_down(unit):
    assert unit["HostConfig"]["ReadonlyRootfs"] is True
    assert unit["EffectiveCaps"] in ([], None)
    assert "no-new-privileges" in unit["HostConfig"]["SecurityOpt"]
    assert unit["Config"]["User"] == "10001:10001"
    assert unit["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert [mount["RW"] for mount in unit["Mounts"]] == [False, False, False]
    assert "@sha256:" in unit["ImageName"]


def test_key_is_in_no_argument_and_login_is_gone(host):
    key = host.run("sudo cat /etc/llm-server/api_key").stdout.strip()
    assert len(key) >= 16
    assert key not in host.run("ps -eww -o args").stdout
    assert host.run("sudo sh -c 'ls -d /run/llm-server-pull.* /root/.docker /run/containers/0/auth.json'").stdout == ""
    assert host.file("/etc/llm-server/api_key").mode == 0o400


def test_crash_is_got_over_and_the_word_does_not_flap(host):
    said = host.run("sudo journalctl --unit llm-server-verify --output cat | wc -l").stdout
    pid = host.run("sudo podman inspect --format '{{.State.Pid}}' llm-server").stdout.strip()
    assert host.run(f"sudo kill -KILL {pid}").rc == 0
    ready = host.run(f"{VERIFY} wait --timeout-s 180")
    assert ready.rc == 0, ready.stderr
    assert host.run("sudo podman inspect --format '{{.State.Pid}}' llm-server").stdout.strip() != pid
    assert host.run("sudo journalctl --unit llm-server-verify --output cat | wc -l").stdout == said


def test_rot_takes_the_replica_out_until_it_is_put_right(host):
    until_agent_says(host, "up\n")
    assert host.run(f"sudo cp {WEIGHTS} /var/tmp/good").rc == 0
    try:
        assert host.run(f"echo rot | sudo dd of={WEIGHTS} bs=1 seek=40000000 conv=notrunc status=none").rc == 0
        until_agent_says(host, "down #digest")
        assert host.run("curl --silent http://127.0.0.1:8080/health").stdout == '{"status":"ok"}'
    finally:
        assert host.run(f"sudo cp /var/tmp/good {WEIGHTS} && sudo rm /var/tmp/good").rc == 0
    until_agent_says(host, "up\n")


def test_golden_answers_agree_with_the_controllers(host):
    document = json.loads(host.file("/etc/llm-server/golden.json").content_string)
    assert document["prompts"][0] == {"prompt": "I live in Los", "max_tokens": 1, "answer": " Angeles"}


def test_vllm_profile_is_a_valid_unit(host):
    if not host.file("/var/lib/molecule-vllm/llm-server.container").exists:
        assert host.backend.get_hostname() != "gpu1"
        return
    found = host.run(f"sudo env QUADLET_UNIT_DIRS=/var/lib/molecule-vllm {GENERATOR} --dryrun")
    assert found.rc == 0, found.stderr
    start = next(line for line in found.stdout.splitlines() if line.startswith("ExecStart="))
    assert "--device nvidia.com/gpu=all" in start
    assert "--entrypoint vllm" in start
    assert " serve /srv/models --served-model-name=smollm2-135m-instruct" in start
    assert "--env-file /etc/llm-server/engine.env" in start
    assert "Restart=always" in found.stdout
