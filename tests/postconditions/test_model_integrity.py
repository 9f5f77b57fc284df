"""Every inference host holds exactly the weights that were deployed: read in full, bit by bit."""

from testinfra.host import Host

testinfra_hosts = ["ansible://llm_servers"]

MANIFEST = "/etc/llm-server/manifest.sha256"
MODELS = "/srv/models"
WEIGHTS = ("*.gguf", "*.safetensors", "*.bin", "*.pt", "*.pth")


def test_manifest_is_what_the_inventory_says(host: Host) -> None:
    """The host's own list could have rotted, or been changed, together with the weights."""
    models = host.ansible.get_variables()["llm_server_models"]
    if "{{" in str(models):  # testinfra sees variables as they are written
        raise ValueError("llm_server_models: expected `file` and `sha256` of each model without templates")
    assert models, "llm_server_models is empty"
    assert _entries(_read(host)) == {model["file"]: model["sha256"] for model in models}


def test_weights_are_what_the_manifest_says(host: Host) -> None:
    assert _entries(_read(host)), f"{MANIFEST} is empty"
    checked = host.run("cd %s && sha256sum --check --strict --quiet %s", MODELS, MANIFEST)
    assert checked.rc == 0, f"{checked.stdout.strip()}\n{checked.stderr.strip()}"


def test_no_weights_beside_the_manifest(host: Host) -> None:
    names = " -o ".join(f"-name '{pattern}'" for pattern in WEIGHTS)
    found = host.run(f"cd %s && find . -type f \\( {names} \\)", MODELS)
    assert found.rc == 0, found.stderr
    present = {line.removeprefix("./") for line in found.stdout.splitlines()}
    assert present <= set(_entries(_read(host))), "weights that nobody vouches for"


def _read(host: Host) -> str:
    read = host.run("cat %s", MANIFEST)
    assert read.rc == 0, read.stderr
    return str(read.stdout)


def _entries(text: str) -> dict[str, str]:
    """Digest by file. `sha256sum` writes a blank, or a star, before the name."""
    lines = (line.split(" ", 1) for line in text.splitlines() if line.strip())
    return {name.removeprefix(" ").removeprefix("*"): digest for digest, name in lines}
