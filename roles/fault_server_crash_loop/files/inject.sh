# Under /run: a reboot forgets it. `-`: the engine may have died by itself already.
mkdir -p "$DROPIN"
printf '[Service]\nRestartSec=%s\nExecStartPost=-%s container kill --signal KILL %s\n' \
  "$PAUSE_S" "$(command -v podman)" "$CONTAINER" >"$DROPIN/drill-crash-loop.conf"
systemctl daemon-reload
podman container kill --signal KILL "$CONTAINER"
