#!/bin/bash
# Makes an Amazon Linux 2023 instance a simulated IoT device: the simulator as a systemd service that publishes on
# <topic>/<thing>. EC2 runs this once, as root, at the first boot; from then on the service starts by itself.
#
# The Terraform module ec2 puts the settings before it. None is a secret: the certificate and its key come from
# Secrets Manager by the instance's role (IMDSv2) each time the service starts, and are held in memory (/run) only.
set -euo pipefail

: "${AWS_REGION:?the region}"
: "${DEVICE_THING:?the name of the thing, also its MQTT client id}"
: "${DEVICE_SECRET_ARN:?the secret with certificate_pem and private_key}"
: "${DEVICE_ENDPOINT_PARAMETER:?the parameter with the endpoint of IoT Core}"
: "${DEVICE_TOPIC:?what the topic begins with}"
: "${DEVICE_RATE:?messages a second}"
: "${DEVICE_BAD:?share of malformed messages}"
: "${DEVICE_PACKAGE:?the simulator: s3://bucket/key.whl, or a requirement for pip}"
export AWS_REGION
export AWS_EC2_METADATA_V1_DISABLED=true

readonly home=/opt/iotstream
readonly unit=/etc/systemd/system/iotstream-device.service

# The network, and the role's rights, may not be there yet.
retry() {
  local pause
  for pause in 5 10 20 40 80; do
    "$@" && return
    sleep "$pause"
  done
  "$@"
}

install_simulator() {
  local package=$DEVICE_PACKAGE wheels
  # Without weak dependencies dnf also fits into the memory of a nano.
  retry dnf install --assumeyes --setopt=install_weak_deps=False awscli-2 jq python3.11
  python3.11 -m venv "$home"
  if [[ $package == s3://* ]]; then
    wheels=$(mktemp --directory)
    local wheel=$wheels/${DEVICE_PACKAGE##*/}
    retry aws s3 cp --only-show-errors "$DEVICE_PACKAGE" "$wheel"
    package="$wheel[simulate]"
  fi
  # Nothing is compiled here.
  retry "$home/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "$package"
  rm -rf -- "${wheels:-}"
}

# Amazon Root CA 1 (RSA) and 3 (ECC), which sign what IoT Core shows: https://www.amazontrust.com/repository/
write_authorities() {
  cat >"$home/amazon-root-ca.pem" <<'PEM'
-----BEGIN CERTIFICATE-----
MIIDQTCCAimgAwIBAgITBmyfz5m/jAo54vB4ikPmljZbyjANBgkqhkiG9w0BAQsF
ADA5MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6
b24gUm9vdCBDQSAxMB4XDTE1MDUyNjAwMDAwMFoXDTM4MDExNzAwMDAwMFowOTEL
MAkGA1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJv
b3QgQ0EgMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALJ4gHHKeNXj
ca9HgFB0fW7Y14h29Jlo91ghYPl0hAEvrAIthtOgQ3pOsqTQNroBvo3bSMgHFzZM
9O6II8c+6zf1tRn4SWiw3te5djgdYZ6k/oI2peVKVuRF4fn9tBb6dNqcmzU5L/qw
IFAGbHrQgLKm+a/sRxmPUDgH3KKHOVj4utWp+UhnMJbulHheb4mjUcAwhmahRWa6
VOujw5H5SNz/0egwLX0tdHA114gk957EWW67c4cX8jJGKLhD+rcdqsq08p8kDi1L
93FcXmn/6pUCyziKrlA4b9v7LWIbxcceVOF34GfID5yHI9Y/QCB/IIDEgEw+OyQm
jgSubJrIqg0CAwEAAaNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMC
AYYwHQYDVR0OBBYEFIQYzIU07LwMlJQuCFmcx7IQTgoIMA0GCSqGSIb3DQEBCwUA
A4IBAQCY8jdaQZChGsV2USggNiMOruYou6r4lK5IpDB/G/wkjUu0yKGX9rbxenDI
U5PMCCjjmCXPI6T53iHTfIUJrU6adTrCC2qJeHZERxhlbI1Bjjt/msv0tadQ1wUs
N+gDS63pYaACbvXy8MWy7Vu33PqUXHeeE6V/Uq2V8viTO96LXFvKWlJbYK8U90vv
o/ufQJVtMVT8QtPHRh8jrdkPSHCa2XV4cdFyQzR1bldZwgJcJmApzyMZFo6IQ6XU
5MsI+yMRQ+hDKXJioaldXgjUkK642M4UwtBV8ob2xJNDd2ZhwLnoQdeXeGADbkpy
rqXRfboQnoZsG4q5WTP468SQvvG5
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
PEM
}

# Run by systemd before each start, as the service's own user.
write_credentials_script() {
  cat >"$home/bin/device-credentials" <<'SCRIPT'
#!/bin/bash
# The thing's certificate, its key, and IoT Core's endpoint, into the service's directory in /run.
set -euo pipefail
umask 077
cd "$RUNTIME_DIRECTORY"
endpoint=$(aws ssm get-parameter --name "$DEVICE_ENDPOINT_PARAMETER" --query Parameter.Value --output text)
secret=$(aws secretsmanager get-secret-value --secret-id "$DEVICE_SECRET_ARN" --query SecretString --output text)
printf '%s' "$secret" | jq --exit-status --raw-output .certificate_pem >"$DEVICE_THING.pem"
printf '%s' "$secret" | jq --exit-status --raw-output .private_key >"$DEVICE_THING.key"
printf 'IOTSTREAM_MQTT_HOST=%s\n' "$endpoint" >environment
SCRIPT
  chmod 755 "$home/bin/device-credentials"
}

write_unit() {
  cat >"$unit" <<UNIT
[Unit]
Description=Simulated IoT device $DEVICE_THING
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
Environment=AWS_REGION=$AWS_REGION AWS_EC2_METADATA_V1_DISABLED=true PYTHONDONTWRITEBYTECODE=1
Environment=DEVICE_THING=$DEVICE_THING DEVICE_SECRET_ARN=$DEVICE_SECRET_ARN
Environment=DEVICE_ENDPOINT_PARAMETER=$DEVICE_ENDPOINT_PARAMETER
# Written by device-credentials: where IoT Core is.
EnvironmentFile=-/run/iotstream-device/environment
ExecStartPre=$home/bin/device-credentials
ExecStart=$home/bin/iotstream simulate --ca $home/amazon-root-ca.pem --certificates /run/iotstream-device --device $DEVICE_THING --topic $DEVICE_TOPIC --rate $DEVICE_RATE --bad $DEVICE_BAD --json
Restart=always
RestartSec=10
TimeoutStopSec=30

# A user of its own, who exists while the service runs; with it come a read-only system and a private /tmp.
User=iotstream-device
DynamicUser=yes
RuntimeDirectory=iotstream-device
RuntimeDirectoryMode=0700
UMask=0077
CapabilityBoundingSet=
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
UNIT
}

install_simulator
write_authorities
write_credentials_script
write_unit
systemctl daemon-reload
# Not waiting: until the instance's role may read its secret, systemd tries again and again.
systemctl enable --now --no-block iotstream-device.service
