"""OpenAPI v3 structural schemas of Knative's custom resources."""

from __future__ import annotations

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INT32: Schema = {"type": "integer", "format": "int32"}
INT64: Schema = {"type": "integer", "format": "int64"}
ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_NUMBER = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY: Schema = INT_OR_STRING | {
    "pattern": rf"^(\+|-)?{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_NUMBER}))?$"
}


def obj(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """An object with these properties."""
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": list(required)} if required else {})


def array(items: Schema, *, keys: tuple[str, ...] = (), atomic: bool = False) -> Schema:
    """A list: a map by `keys`, atomic, or plain."""
    schema: Schema = {"type": "array", "items": items}
    if keys:
        return schema | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    return schema | ({"x-kubernetes-list-type": "atomic"} if atomic else {})


def map_of(values: Schema) -> Schema:
    """A map from string to `values`."""
    return {"type": "object", "additionalProperties": values}


STRINGS = map_of(STRING)
STRING_LIST = array(STRING, atomic=True)

CONDITIONS = array(
    obj(
        ("status", "type"),
        lastTransitionTime=STRING, message=STRING, reason=STRING,
        severity=STRING, status=STRING, type=STRING,
    )
)  # fmt: skip
STATUS = {"annotations": STRINGS, "conditions": CONDITIONS, "observedGeneration": INT64}
ADDRESS = obj(name=STRING, url=STRING, CACerts=STRING, audience=STRING)
TRAFFIC = array(
    obj(
        configurationName=STRING, latestRevision=BOOLEAN, percent=INT64,
        revisionName=STRING, tag=STRING, url=STRING,
    )
)  # fmt: skip

_OPTIONAL_NAME = STRING | {"default": ""}
_KEY_REF = obj(("key",), key=STRING, name=_OPTIONAL_NAME, optional=BOOLEAN)
_SOURCE_REF = obj(name=_OPTIONAL_NAME, optional=BOOLEAN)
_ENV = obj(
    ("name",),
    name=STRING,
    value=STRING,
    valueFrom=obj(
        configMapKeyRef=_KEY_REF,
        fieldRef=ANYTHING,
        resourceFieldRef=ANYTHING,
        secretKeyRef=_KEY_REF,
    ),
)
_PROBE = obj(
    exec=obj(command=STRING_LIST),
    failureThreshold=INT32,
    grpc=obj(port=INT32, service=_OPTIONAL_NAME),
    httpGet=obj(
        host=STRING,
        httpHeaders=array(obj(("name", "value"), name=STRING, value=STRING), atomic=True),
        path=STRING,
        port=INT_OR_STRING,
        scheme=STRING,
    ),
    initialDelaySeconds=INT32,
    periodSeconds=INT32,
    successThreshold=INT32,
    tcpSocket=obj(host=STRING, port=INT_OR_STRING),
    timeoutSeconds=INT32,
)
_SECURITY_CONTEXT = obj(
    allowPrivilegeEscalation=BOOLEAN,
    capabilities=obj(add=STRING_LIST, drop=STRING_LIST),
    privileged=BOOLEAN,
    readOnlyRootFilesystem=BOOLEAN,
    runAsGroup=INT64,
    runAsNonRoot=BOOLEAN,
    runAsUser=INT64,
    seccompProfile=obj(("type",), localhostProfile=STRING, type=STRING),
)
_CONTAINER = obj(
    args=STRING_LIST,
    command=STRING_LIST,
    env=array(_ENV, keys=("name",)),
    envFrom=array(obj(configMapRef=_SOURCE_REF, prefix=STRING, secretRef=_SOURCE_REF), atomic=True),
    image=STRING,
    imagePullPolicy=STRING,
    livenessProbe=_PROBE,
    name=STRING,
    ports=array(obj(containerPort=INT32, name=STRING, protocol=STRING | {"default": "TCP"})),
    readinessProbe=_PROBE,
    resources=obj(limits=map_of(QUANTITY), requests=map_of(QUANTITY)),
    securityContext=_SECURITY_CONTEXT,
    startupProbe=_PROBE,
    terminationMessagePath=STRING,
    terminationMessagePolicy=STRING,
    volumeMounts=array(
        obj(
            ("mountPath", "name"),
            mountPath=STRING, mountPropagation=STRING, name=STRING,
            readOnly=BOOLEAN, subPath=STRING,
        ),
        keys=("mountPath",),
    ),
    workingDir=STRING,
)  # fmt: skip
_ITEMS = array(obj(("key", "path"), key=STRING, mode=INT32, path=STRING), atomic=True)
_VOLUME = obj(
    ("name",),
    configMap=obj(defaultMode=INT32, items=_ITEMS, name=_OPTIONAL_NAME, optional=BOOLEAN),
    csi=ANYTHING,
    emptyDir=ANYTHING,
    ephemeral=ANYTHING,
    hostPath=ANYTHING,
    image=ANYTHING,
    name=STRING,
    persistentVolumeClaim=ANYTHING,
    projected=obj(
        defaultMode=INT32,
        sources=array(
            obj(
                configMap=obj(items=_ITEMS, name=_OPTIONAL_NAME, optional=BOOLEAN),
                downwardAPI=ANYTHING,
                secret=obj(items=_ITEMS, name=_OPTIONAL_NAME, optional=BOOLEAN),
                serviceAccountToken=obj(
                    ("path",), audience=STRING, expirationSeconds=INT64, path=STRING
                ),
            ),
            atomic=True,
        ),
    ),
    secret=obj(defaultMode=INT32, items=_ITEMS, optional=BOOLEAN, secretName=STRING),
)

REVISION_SPEC = obj(
    ("containers",),
    affinity=ANYTHING,
    automountServiceAccountToken=BOOLEAN,
    containerConcurrency=INT64,
    containers=array(_CONTAINER),
    dnsConfig=ANYTHING,
    dnsPolicy=STRING,
    enableServiceLinks=BOOLEAN,
    hostAliases=array(ANYTHING),
    hostIPC=BOOLEAN,
    hostNetwork=BOOLEAN,
    hostPID=BOOLEAN,
    idleTimeoutSeconds=INT64,
    imagePullSecrets=array(obj(name=_OPTIONAL_NAME), keys=("name",)),
    initContainers=array(ANYTHING),
    nodeSelector=STRINGS,
    priorityClassName=STRING,
    responseStartTimeoutSeconds=INT64,
    runtimeClassName=STRING,
    schedulerName=STRING,
    securityContext=ANYTHING,
    serviceAccountName=STRING,
    shareProcessNamespace=BOOLEAN,
    timeoutSeconds=INT64,
    tolerations=array(ANYTHING),
    topologySpreadConstraints=array(ANYTHING),
    volumes=array(_VOLUME, keys=("name",)),
)
TEMPLATE = obj(
    metadata=obj(
        annotations=STRINGS, finalizers=array(STRING), labels=STRINGS, name=STRING, namespace=STRING
    )
    | {"x-kubernetes-preserve-unknown-fields": True},
    spec=REVISION_SPEC,
)
