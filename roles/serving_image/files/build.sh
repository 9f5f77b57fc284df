#!/bin/sh
# Build the serving image: Debian's python3, one wheel, the launcher. Leaves OUTPUT.oci.tar (an OCI archive) and OUTPUT.oci.tar.digest.
# Usage: build.sh OUTPUT.oci.tar
# Environment: SUITE, PACKAGES (comma-separated), REQUIREMENT (with hashes), PYTHON (this machine's, with pip), PYTHON_VERSION (the image's)
set -eu
umask 022
sources=$(dirname "$0")
output=$1
name=localhost/llm-serving-build:$$

# Somebody may be at it already: role serving_image can begin this beside other work. A process that podman leaves behind must not keep
# the lock: `9>&-`.
exec 9>"$output.lock"
flock 9
[ ! -e "$output" ] || exit 0

work=$(mktemp -d "$(dirname "$output")/.build.XXXXXX")
finish() {
    podman image rm --force "$name" >/dev/null 2>&1 9>&- || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

cp "$sources/serve.py" "$sources/Containerfile" "$work/"
echo "$REQUIREMENT" > "$work/requirements.txt"
"$PYTHON" -m pip install --quiet --require-hashes --only-binary :all: --no-deps --no-compile \
    --python-version "$PYTHON_VERSION" --target "$work/site" --requirement "$work/requirements.txt"
# No file is waited for until it is on the disk: a build that loses its power is begun anew.
# Device nodes are the container runtime's business, and cannot be unpacked everywhere. Python's bytecode must not be checked against
# files' times, which the build takes away: every start, and every check of a container's health, would compile all that it imports.
# shellcheck disable=SC2016 # the hook has its own $1
mmdebstrap --quiet --variant=essential --include="$PACKAGES" --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='chroot "$1" sh -c "python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3*"' \
    --skip=output/dev "$SUITE" "$work/base.tar"

# One layer and no time of build in it: the same inputs give nearly the same image.
podman build --quiet --isolation chroot --layers=false --timestamp 0 \
    --label org.opencontainers.image.title=llm-serving --label "org.opencontainers.image.version=${REQUIREMENT%% *}" \
    --tag "$name" "$work" >/dev/null 9>&-
# zstd: to pull it takes a host a sixth less processor time than gzip.
podman push --quiet --compression-format zstd --digestfile "$work/digest" "$name" "oci-archive:$work/image:llm-serving" 9>&-

# The archive comes last: where it is, everything is.
chmod 0644 "$work/digest" "$work/image"
mv "$work/digest" "$output.digest"
mv "$work/image" "$output"
