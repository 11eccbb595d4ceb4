"""Files of an installation, as they are written."""

from __future__ import annotations

MARK = "# Written by standpipe-agent install; changes are lost at the next one."
"""First line of every file that is ours: what lacks it is never touched."""

UNIT = f"""{MARK}
[Unit]
Description=Standpipe controller
After=local-fs.target
# Never a journal on the root disk because the data's own wasn't mounted.
RequiresMountsFor={{data}}
StartLimitIntervalSec=0

[Service]
Type=notify
User=standpipe
Group=standpipe
ExecStart={{program}} run --config {{config}}
ExecReload=/bin/kill -HUP $MAINPID
# However the agent ended: every machine off. Needs no journal and no network.
ExecStopPost={{program}} outputs off --config {{config}}
Restart=always
RestartSec=2
# The deciding thread reports at least every 5 s.
WatchdogSec=15
TimeoutStartSec=60
TimeoutStopSec=20
RuntimeDirectory=standpipe
StateDirectory=standpipe
StateDirectoryMode=0700
WorkingDirectory=/run/standpipe
# The pin library keeps a pipe there; without this it writes into its working directory.
Environment=LG_WD=/run/standpipe
# Never another pin library by mistake.
Environment=GPIOZERO_PIN_FACTORY=lgpio
Environment=PYTHONPATH={{drivers}}
Environment=PYTHONDONTWRITEBYTECODE=1
UMask=0077
OOMScoreAdjust=-500
ReadWritePaths={{data}}
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
# Not ProtectClock: it would take all devices away. Not ProtectKernelTunables: a counter of
# the kernel is started by writing into /sys.

[Install]
WantedBy=multi-user.target
"""

SYSUSERS = f"""{MARK}
u standpipe - "Standpipe controller" /var/lib/standpipe
m standpipe gpio
m standpipe dialout
m standpipe i2c
m standpipe input
m standpipe plugdev
"""

JOURNALD = f"""{MARK}
# An SD card wears out, and a full one authorises nothing.
[Journal]
SystemMaxUse=64M
RuntimeMaxUse=32M
MaxRetentionSec=1month
"""

WATCHDOG = f"""{MARK}
# The controller's own watchdog: its counter ends after 15 s, then the board starts anew.
[Manager]
RuntimeWatchdogSec=10
RebootWatchdogSec=2min
"""

MODULES = f"""{MARK}
# Displays at I2C speak through it.
i2c-dev
"""

MODPROBE = f"""{MARK}
# The kernel's own NFC drivers hold USB readers that the agent drives.
blacklist pn533
blacklist pn533_usb
blacklist port100
blacklist nfc
"""

UDEV = f"""{MARK}
# USB readers of the driver "usb".
""" + "".join(
    f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", '
    'GROUP="standpipe", MODE="0660"\n'
    for vendor, product in (
        ("054c", "0193"),
        ("04cc", "0531"),
        ("04cc", "2533"),
        ("04e6", "5591"),
        ("04e6", "5593"),
        ("054c", "02e1"),
        ("054c", "06c1"),
        ("054c", "06c3"),
    )
)

POLKIT = f"""{MARK.replace("#", "//", 1)}
polkit.addRule(function (action, subject) {{
  if (action.id.indexOf("org.debian.pcsc-lite.") == 0 && subject.user == "standpipe") {{
    return polkit.Result.YES;
  }}
}});
"""
