"""Configuration files of Kubernetes' programs against their kinds, as Go decodes them strictly.

The Python client has no models of them: these are the fields of the Go types, as far as this
project uses them. An unknown field, which such a program refuses or ignores, is a mistake.
"""

from __future__ import annotations

from typing import Any

import jsonschema

TEXT, FLAG, NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
TEXTS = {"type": "array", "items": TEXT}
LEVELS = {"enum": ["privileged", "baseline", "restricted"]}


def record(required: str = "", /, **fields: Any) -> dict[str, Any]:
    """Return the schema of an object with no other fields."""
    properties = {name.replace("_", "-"): schema for name, schema in fields.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def kind(required: str = "", /, **fields: Any) -> dict[str, Any]:
    return record(f"apiVersion kind {required}", apiVersion=TEXT, kind=TEXT, **fields)


def items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": 1}


ARGUMENTS = items(record("name value", name=TEXT, value=TEXT))
VOLUME = record(
    "name hostPath mountPath",
    name=TEXT,
    hostPath=TEXT,
    mountPath=TEXT,
    readOnly=FLAG,
    pathType={"enum": ["Directory", "DirectoryOrCreate", "File", "FileOrCreate"]},
)
ENDPOINT = record("advertiseAddress", advertiseAddress=TEXT, bindPort=NUMBER)
REGISTRATION = record(
    "name",
    name=TEXT,
    criSocket=TEXT,
    imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    imagePullSerial=FLAG,
    taints={"type": "array"},
    kubeletExtraArgs=ARGUMENTS,
    ignorePreflightErrors=TEXTS,
)
PROGRAM = record(extraArgs=ARGUMENTS)
KEY = record("name secret", name=TEXT, secret={"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"})
LIMIT = record(
    "type qps burst",
    type={"enum": ["Server", "Namespace", "User", "SourceAndObject"]},
    qps={"type": "integer", "minimum": 1},
    burst={"type": "integer", "minimum": 1},
    cacheSize=NUMBER,
)

KINDS: dict[tuple[str, str], dict[str, Any]] = {
    ("kubeadm.k8s.io/v1beta4", "InitConfiguration"): kind(
        localAPIEndpoint=ENDPOINT,
        nodeRegistration=REGISTRATION,
        bootstrapTokens=items(record(ttl=TEXT, groups=TEXTS, usages=TEXTS)),
        skipPhases=TEXTS,
    ),
    ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration"): kind(
        clusterName=TEXT,
        kubernetesVersion=TEXT,
        encryptionAlgorithm=TEXT,
        controlPlaneEndpoint=TEXT,
        networking=record(podSubnet=TEXT, serviceSubnet=TEXT),
        apiServer=record(certSANs=TEXTS, extraArgs=ARGUMENTS, extraVolumes=items(VOLUME)),
        controllerManager=PROGRAM,
        scheduler=PROGRAM,
        etcd=record(local=PROGRAM),
    ),
    ("kubeadm.k8s.io/v1beta4", "JoinConfiguration"): kind(
        "discovery",
        discovery=record(
            file=record("kubeConfigPath", kubeConfigPath=TEXT),
            bootstrapToken=record(
                "token apiServerEndpoint caCertHashes",
                token=TEXT,
                apiServerEndpoint=TEXT,
                caCertHashes=TEXTS,
            ),
        ),
        controlPlane=record(certificateKey=TEXT, localAPIEndpoint=ENDPOINT),
        nodeRegistration=REGISTRATION,
    ),
    ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"): kind(
        cgroupDriver=TEXT,
        eventRecordQPS=NUMBER,
        evictionHard={"type": "object", "additionalProperties": TEXT},
        imageGCHighThresholdPercent=NUMBER,
        imageGCLowThresholdPercent=NUMBER,
        makeIPTablesUtilChains=FLAG,
        podPidsLimit=NUMBER,
        protectKernelDefaults=FLAG,
        readOnlyPort=NUMBER,
        resolvConf=TEXT,
        rotateCertificates=FLAG,
        seccompDefault=FLAG,
        streamingConnectionIdleTimeout=TEXT,
        tlsCipherSuites=TEXTS,
        tlsMinVersion={"enum": ["VersionTLS12", "VersionTLS13"]},
    ),
    ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"): kind(
        mode=TEXT, nodePortAddresses=TEXTS, conntrack=record(maxPerCore=NUMBER, min=NUMBER)
    ),
    ("apiserver.config.k8s.io/v1", "AdmissionConfiguration"): kind(
        plugins=items(record("name", name=TEXT, path=TEXT, configuration={"type": "object"}))
    ),
    ("eventratelimit.admission.k8s.io/v1alpha1", "Configuration"): kind(
        "limits", limits=items(LIMIT)
    ),
    ("pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"): kind(
        defaults=record(
            enforce=LEVELS,
            enforce_version=TEXT,
            audit=LEVELS,
            audit_version=TEXT,
            warn=LEVELS,
            warn_version=TEXT,
        ),
        exemptions=record(usernames=TEXTS, runtimeClasses=TEXTS, namespaces=TEXTS),
    ),
    ("apiserver.config.k8s.io/v1", "AuthenticationConfiguration"): kind(
        anonymous=record(
            "enabled",
            enabled=FLAG,
            conditions=items(record("path", path={"type": "string", "pattern": "^/[a-z]+$"})),
        )
    ),
    ("apiserver.config.k8s.io/v1", "EncryptionConfiguration"): kind(
        "resources",
        resources=items(
            record(
                "resources providers",
                resources=TEXTS,
                providers=items(
                    record(secretbox=record("keys", keys=items(KEY)), identity=record())
                ),
            )
        ),
    ),
    ("audit.k8s.io/v1", "Policy"): kind(
        "rules",
        omitStages={
            "type": "array",
            "items": {"enum": ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]},
        },
        rules=items(
            record(
                "level",
                level={"enum": ["None", "Metadata", "Request", "RequestResponse"]},
                nonResourceURLs=TEXTS,
                resources=items(
                    record("group resources", group=TEXT, resources=TEXTS, resourceNames=TEXTS)
                ),
                verbs=TEXTS,
                users=TEXTS,
                userGroups=TEXTS,
                namespaces=TEXTS,
                omitStages=TEXTS,
            )
        ),
    ),
}


def mistakes(document: dict[str, Any]) -> list[str]:
    """Return what is wrong with a document, and with configurations in it."""
    schema = KINDS[document["apiVersion"], document["kind"]]
    errors = jsonschema.Draft202012Validator(schema).iter_errors(document)
    result = [f"{document['kind']}: {error.json_path}: {error.message}" for error in errors]
    for plugin in document.get("plugins", ()):
        result += mistakes(plugin["configuration"]) if "configuration" in plugin else []
    return result
