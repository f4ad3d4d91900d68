prepare() {
  getent group hybridge-agent >/dev/null || groupadd --system hybridge-agent
  getent passwd hybridge-agent >/dev/null ||
    useradd --system --gid hybridge-agent --home-dir /var/lib/hybridge-agent --no-create-home --shell /usr/sbin/nologin --comment 'Hybridge agent' hybridge-agent
  install -d -m 0750 -o root -g hybridge-agent /etc/hybridge-agent
  # Passwords lie here, each in a file that only the agent may read.
  install -d -m 0700 -o hybridge-agent -g hybridge-agent /etc/hybridge-agent/secrets
  install -d -m 0700 -o hybridge-agent -g hybridge-agent /var/lib/hybridge-agent
  # A packaged program that is newer than what the updater runs is run from now on.
  if [ -x /usr/bin/hybridge-updater ]; then /usr/bin/hybridge-updater adopt >/dev/null 2>&1 || true; fi
}
