package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

type labels = map[string]string

type probe struct {
	HTTPGet struct {
		Path, Port string
	} `yaml:"httpGet"`
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

type container struct {
	Name, Image string
	Args        []string
	EnvFrom     []struct {
		SecretRef struct{ Name string } `yaml:"secretRef"`
	} `yaml:"envFrom"`
	Env []struct{ Name, Value string }

	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	StartupProbe   *probe `yaml:"startupProbe"`
	ReadinessProbe *probe `yaml:"readinessProbe"`
	LivenessProbe  *probe `yaml:"livenessProbe"`
	Lifecycle      struct {
		PreStop struct {
			Sleep struct{ Seconds int }
		} `yaml:"preStop"`
	}
	Resources       struct{ Requests, Limits labels }
	SecurityContext struct {
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// object is what the manifests use of Kubernetes' types.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels labels
	}
	Spec struct {
		ServiceName string `yaml:"serviceName"`
		Replicas    int
		// of a Deployment
		ProgressDeadlineSeconds int `yaml:"progressDeadlineSeconds"`
		Selector                any
		Strategy                any
		Template                struct {
			Metadata struct{ Labels, Annotations labels }
			Spec     struct {
				AutomountServiceAccountToken  bool `yaml:"automountServiceAccountToken"`
				TerminationGracePeriodSeconds int  `yaml:"terminationGracePeriodSeconds"`
				SecurityContext               struct {
					RunAsNonRoot        bool   `yaml:"runAsNonRoot"`
					RunAsUser           int    `yaml:"runAsUser"`
					RunAsGroup          int    `yaml:"runAsGroup"`
					FSGroup             int    `yaml:"fsGroup"`
					FSGroupChangePolicy string `yaml:"fsGroupChangePolicy"`
					SeccompProfile      labels `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				TopologySpreadConstraints []struct {
					MaxSkew           int    `yaml:"maxSkew"`
					TopologyKey       string `yaml:"topologyKey"`
					WhenUnsatisfiable string `yaml:"whenUnsatisfiable"`
					LabelSelector     any    `yaml:"labelSelector"`
				} `yaml:"topologySpreadConstraints"`
				Containers []container
				Volumes    []struct {
					Name     string
					EmptyDir *struct {
						SizeLimit string `yaml:"sizeLimit"`
					} `yaml:"emptyDir"`
				}
			}
		}
		VolumeClaimTemplates []struct {
			Metadata struct{ Name string }
			Spec     struct {
				AccessModes []string `yaml:"accessModes"`
				Resources   struct{ Requests labels }
			}
		} `yaml:"volumeClaimTemplates"`
		// of a Service
		Ports []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		// of a PodDisruptionBudget
		MaxUnavailable int `yaml:"maxUnavailable"`
		// of a NetworkPolicy
		PodSelector     any      `yaml:"podSelector"`
		PolicyTypes     []string `yaml:"policyTypes"`
		Ingress, Egress []struct {
			From  []any
			Ports []struct{ Port, Protocol string }
		}
	}
}

type kustomization struct {
	APIVersion      string `yaml:"apiVersion"`
	Kind, Namespace string
	Resources       []string
	Images          []struct {
		Name    string
		NewName string `yaml:"newName"`
		NewTag  string `yaml:"newTag"`
	}
}

// kubernetes reads the manifests of a folder, and asks of them what a platform team would: probes at paths that there are, an end that is longer than berth takes for it, and no
// more rights than it needs.
func kubernetes(t *testing.T, dir string) (all []started) {
	t.Helper()
	dir = "kubernetes/" + dir + "/"
	for _, k := range decode[kustomization](t, read(t, dir+"kustomization.yaml"), dir) {
		if k.APIVersion != "kustomize.config.k8s.io/v1beta1" || k.Kind != "Kustomization" {
			t.Errorf("%s: %s %s", dir, k.APIVersion, k.Kind)
		}
		for _, file := range k.Resources {
			read(t, dir+file)
		}
	}
	versions := map[string]string{"StatefulSet": "apps/v1", "Deployment": "apps/v1", "Service": "v1", "Namespace": "v1", "PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1"}
	files, err := filepath.Glob(deploy + dir + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		file = strings.TrimPrefix(file, deploy)
		if strings.HasSuffix(file, "kustomization.yaml") {
			continue
		}
		for _, o := range decode[object](t, read(t, file), file) {
			if versions[o.Kind] != o.APIVersion || o.APIVersion == "" {
				t.Errorf("%s: %s %s", file, o.APIVersion, o.Kind)
			}
			pod := o.Spec.Template.Spec
			for _, c := range pod.Containers {
				all = append(all, startedBy(t, file, c))
				// A change of the tables may take long, and no socket is open before it is done: killed in the middle of it, it would begin anew for ever.
				patience := c.StartupProbe.PeriodSeconds * c.StartupProbe.FailureThreshold
				if patience < 3600 || o.Kind == "Deployment" && o.Spec.ProgressDeadlineSeconds <= patience {
					t.Errorf("%s: a start may take %ds, and a change of the deployment %ds", file, patience, o.Spec.ProgressDeadlineSeconds)
				}
				if pod.TerminationGracePeriodSeconds < 30+c.Lifecycle.PreStop.Sleep.Seconds+5 {
					t.Errorf("%s: it is killed after %ds", file, pod.TerminationGracePeriodSeconds)
				}
			}
			if o.Kind == "Service" && (len(o.Spec.Ports) != 1 || o.Spec.Ports[0].TargetPort != "http") {
				t.Errorf("%s: the service leads to more than the registry: %v", file, o.Spec.Ports)
			}
			if s := pod.SecurityContext; len(pod.Containers) > 0 && (!s.RunAsNonRoot || s.RunAsUser == 0 || pod.AutomountServiceAccountToken) {
				t.Errorf("%s: it may do more than it needs", file)
			}
		}
	}
	if kubectl, err := exec.LookPath("kubectl"); err != nil {
		t.Logf("%s is not rendered: %v", dir, err)
	} else if out, err := exec.Command(kubectl, "kustomize", deploy+dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "image: registry.example.com/berth:latest") {
		t.Errorf("%s: %v\n%s", dir, err, out)
	}
	return all
}

// startedBy is how a container starts berth.
func startedBy(t *testing.T, file string, c container) started {
	t.Helper()
	s := started{file, c.Args, map[string]string{}}
	for _, v := range c.Env {
		s.env[v.Name] = v.Value
	}
	for _, from := range c.EnvFrom {
		if from.SecretRef.Name != "berth-stores" {
			t.Errorf("%s: there is no secret %s", file, from.SecretRef.Name)
		}
		s.env["BERTH_DB"], s.env["BERTH_BLOBS"] = "postgres://berth:xyz@postgres:5432/berth", "s3://KEY:SECRET@bucket/berth?endpoint=https://s3.example.com"
	}
	// Metrics have a port that no Service leads to, and nobody is believed before it is known who reaches berth.
	if at := s.env["BERTH_METRICS_LISTEN"]; len(c.Ports) != 2 || c.Ports[1].Name != "metrics" || at != fmt.Sprint(":", c.Ports[1].ContainerPort) {
		t.Errorf("%s: metrics are at %q, the ports are %v", file, at, c.Ports)
	}
	if proxies, believed := s.env["BERTH_TRUSTED_PROXY"]; believed {
		t.Errorf("%s: whoever comes from %s can say to be somebody else", file, proxies)
	}
	for p, want := range map[*probe]string{c.StartupProbe: "/readyz", c.ReadinessProbe: "/readyz", c.LivenessProbe: "/healthz"} {
		if p == nil || p.HTTPGet.Path != want || p.HTTPGet.Port != "http" {
			t.Errorf("%s: a probe asks %v, not %s", file, p, want)
		}
	}
	if r := c.SecurityContext; !r.ReadOnlyRootFilesystem || r.AllowPrivilegeEscalation || len(r.Capabilities.Drop) != 1 || c.Resources.Limits["memory"] == "" || s.env["GOMEMLIMIT"] == "" {
		t.Errorf("%s: it may use more than it needs", file)
	}
	return s
}
