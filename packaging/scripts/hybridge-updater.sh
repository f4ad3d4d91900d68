prepare() {
  install -d -m 0755 -o root -g root /var/lib/hybridge-updater /var/lib/hybridge-updater/versions
  # The agent runs from here; at first, and until something newer was installed, that is the packaged program.
  [ -L /var/lib/hybridge-updater/current ] || ln -s /usr/bin /var/lib/hybridge-updater/current
}
