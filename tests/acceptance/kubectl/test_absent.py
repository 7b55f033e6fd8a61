"""What this cluster does not have is refused in words, by whichever kubectl."""

from __future__ import annotations

from tools.kubectl_transcripts import Session

FILES = {
    "claim.yaml": """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""",
    "rules.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ruled.$NS.example}
spec:
  group: $NS.example
  scope: Namespaced
  names: {plural: ruled, kind: Ruled}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-validations: [{rule: self.a > 1}]
        properties: {a: {type: integer}}
""",
}
REFUSALS = {
    "create -f claim.yaml": "persistentvolumeclaims are not available on this cluster",
    "create cronjob c --image=i --schedule=@daily": "cronjobs.batch are not available",
    "create ingress i --rule=a/=s:80": "ingresses.networking.k8s.io are not available",
    "create -f rules.yaml": (
        "spec.versions[0].schema.openAPIV3Schema.x-kubernetes-validations: Forbidden: this server"
        " does not evaluate validation rules written in CEL"
    ),
    "get volumeattachments": 'the server doesn\'t have a resource type "volumeattachments"',
}


def test_refusals(session: Session) -> None:
    for command, reason in REFUSALS.items():
        outcome = session.run(command)
        assert outcome.code == 1, command
        assert reason in outcome.err, command
        assert not outcome.out, command
