#!/bin/sh
# What an installer would have asked. Runs on the build machine with the new root file system as its argument.
set -eu
root=$1

# Nobody's keys: each host makes its own at its first start.
rm -f "$root"/etc/ssh/ssh_host_*
cat > "$root/etc/systemd/system/ssh-host-keys.service" <<'UNIT'
[Unit]
Description=Make this host's own SSH keys
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl --quiet enable ssh-host-keys.service

cat > "$root/etc/ssh/sshd_config.d/lab.conf" <<'CONF'
AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u
PasswordAuthentication no
PermitRootLogin no
UseDNS no
CONF
mkdir -p "$root/etc/ssh/authorized_keys.d"

chroot "$root" useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD:ALL' > "$root/etc/sudoers.d/ops"
chmod 0440 "$root/etc/sudoers.d/ops"

# A container does not own the machine's kernel, terminals or clock.
for unit in systemd-modules-load.service systemd-sysctl.service systemd-udevd.service systemd-timesyncd.service \
    getty.target console-getty.service sys-kernel-debug.mount sys-kernel-tracing.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# What it does and why is said in it.
cp "$(dirname "$0")/ansible_bytecode.py" "$root/usr/lib/python3/dist-packages/"
echo 'import ansible_bytecode' > "$root/usr/lib/python3/dist-packages/ansible_bytecode.pth"
mkdir -m 0700 "$root/var/cache/ansible-bytecode"

echo 'Acquire::Languages "none";' > "$root/etc/apt/apt.conf.d/90lab"
# A host that loses its power while it installs is made anew.
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/lab"
rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"
: > "$root/etc/machine-id"
