package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
)

// A preview says what would go by a date, and why, and why the rest stays; what is reported as used, and what is young, is protected, each by its own permission.
func TestPreviewLifecyclePolicy(t *testing.T) {
	const region = "us-east-2"
	s := berthtest.Start(t)
	a := s.Account(t, "111222333444")
	ctx := t.Context()
	if _, err := a.ECR(region).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	login := a.Login(t, region)
	path := "111222333444/" + region + "/app"
	var images []*berthtest.Image
	for i := range 3 {
		images = append(images, berthtest.NewImage([]byte(fmt.Sprint("layer ", i))))
		s.Push(t, login, path, fmt.Sprint("v", i), images[i])
	}
	call := func(c *berthtest.Caller, operation string, in map[string]any, want string) map[string]any {
		t.Helper()
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		resp, body := s.Call(t, c, "berth", region, "Berth_20261122", operation, string(text))
		if want != "" {
			if resp.StatusCode == http.StatusOK || !strings.Contains(string(body), want) {
				t.Fatalf("%s: %s %s, want %s", operation, resp.Status, body, want)
			}
			return nil
		}
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", operation, resp.Status, body)
		}
		out := map[string]any{}
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	text := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}]}`
	preview := func(after time.Duration) (summary string, reasons []string) {
		t.Helper()
		in := map[string]any{"repositoryName": "app", "lifecyclePolicyText": text, "at": time.Now().Add(after).Unix(), "limit": 2}
		for {
			out := call(a.Caller, "PreviewLifecyclePolicy", in, "")
			if s, ok := out["summary"].(string); ok {
				summary += s
			}
			for _, i := range out["images"].([]any) {
				var image struct {
					ImageTags                   []string
					Action, Reason, ProtectedBy string
				}
				if err := json.Unmarshal([]byte(i.(string)), &image); err != nil {
					t.Fatal(err)
				}
				reasons = append(reasons, image.ImageTags[0]+" "+image.Action+" "+image.ProtectedBy+": "+image.Reason)
			}
			if out["nextToken"] == nil {
				return summary, reasons
			}
			in["nextToken"] = out["nextToken"]
		}
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in %s", part, text)
			}
		}
	}
	summary, reasons := preview(0)
	has(summary, `"images":3`, `"expired":0`, `"owns":3`, `"bytesFree":0`)
	if len(reasons) != 3 {
		t.Fatalf("%q", reasons)
	}
	has(reasons[0], "v2 keep : rule 1 keeps what was pushed at most 30 days ago")
	summary, reasons = preview(31*24*time.Hour - time.Minute)
	// The configuration is the same of all three, and of nobody else.
	free := len(images[0].Config)
	for _, i := range images {
		free += len(i.Layers[0])
	}
	has(summary, `"expired":3`, fmt.Sprintf(`"bytesFree":%d}`, free), fmt.Sprintf(`"bytesFree":%d`, free))
	has(reasons[2], "v0 expire : rule 1 keeps only what was pushed at most 30 days ago, and this was 30 days 23 h ago")

	// A cluster runs v0 by its digest, and what v1 names.
	out := call(a.Caller, "PutInventory", map[string]any{"source": "cluster-a", "expiresInSeconds": 3600, "images": []string{
		"docker-pullable://" + s.Host + "/" + path + "@" + images[0].Digest(), "111222333444.dkr.ecr.us-east-2.amazonaws.com/app:v1", "docker.io/library/nginx:1", "nginx", "!",
		"999888777666.dkr.ecr.us-east-2.amazonaws.com/app:v2",
	}}, "")
	if out["taken"] != 2.0 {
		t.Errorf("%v are taken", out["taken"])
	}
	summary, reasons = preview(31*24*time.Hour - time.Minute)
	has(summary, `"expired":1`, `"protected":{"use":2}`, fmt.Sprintf(`"bytesFree":%d`, len(images[2].Layers[0])))
	has(reasons[2], "v0 keep use: rule 1 keeps only", "but it is in use: cluster-a reported it 0 s ago")
	has(reasons[1], "v1 keep use: ")
	list := call(a.Caller, "ListInventories", map[string]any{}, "")["inventories"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["images"] != 3.0 || list[0].(map[string]any)["source"] != "cluster-a" {
		t.Errorf("%v", list)
	}
	call(a.Caller, "DeleteInventory", map[string]any{"source": "cluster-a"}, "")
	call(a.Caller, "DeleteInventory", map[string]any{"source": "cluster-a"}, "NoSuchEntityException")
	if summary, _ = preview(31*24*time.Hour - time.Minute); !strings.Contains(summary, `"expired":3`) {
		t.Error(summary)
	}
	// In a report of nothing of this account somebody is mistaken, unless he says that he is not.
	foreign := []string{"nginx", "docker.io/library/nginx@" + images[0].Digest()[:63] + "00000000", "999888777666.dkr.ecr.us-east-2.amazonaws.com/app:v2"}
	call(a.Caller, "PutInventory", map[string]any{"source": "b", "expiresInSeconds": 3600, "images": foreign}, "none is to an image of the account 111222333444")
	call(a.Caller, "PutInventory", map[string]any{"source": "b", "expiresInSeconds": 3600, "images": []string{}}, "InvalidInputException")
	if list := call(a.Caller, "ListInventories", map[string]any{}, "")["inventories"]; len(list.([]any)) != 0 {
		t.Errorf("%v", list)
	}
	if out := call(a.Caller, "PutInventory", map[string]any{"source": "b", "expiresInSeconds": 3600, "images": foreign, "allowEmpty": true}, ""); out["taken"] != 0.0 {
		t.Errorf("%v", out)
	}
	// By its digest alone an image counts if the account has it, under whatever name.
	if out := call(a.Caller, "PutInventory", map[string]any{"source": "b", "expiresInSeconds": 3600, "images": append(foreign, "mirror.example/app@"+images[0].Digest())}, ""); out["taken"] != 1.0 {
		t.Errorf("%v", out)
	}
	call(a.Caller, "DeleteInventory", map[string]any{"source": "b"}, "")
	call(a.Caller, "PutInventory", map[string]any{"source": "a b", "expiresInSeconds": 3600, "images": []string{}}, "InvalidInputException")
	call(a.Caller, "PutInventory", map[string]any{"source": "a", "expiresInSeconds": 1 << 60, "images": []string{}}, "InvalidInputException")

	call(a.Caller, "PutLifecycleProtection", map[string]any{"graceSeconds": 40 * 24 * 3600}, "")
	if out := call(a.Caller, "GetLifecycleProtection", map[string]any{}, ""); out["graceSeconds"] != 3456000.0 || out["pulledWithinSeconds"] != 0.0 {
		t.Errorf("%v", out)
	}
	if out := call(a.Caller, "PutLifecycleProtection", map[string]any{"pulledWithinSeconds": 60}, ""); out["graceSeconds"] != 3456000.0 || out["pulledWithinSeconds"] != 60.0 {
		t.Errorf("%v", out)
	}
	if out := call(a.Caller, "PutLifecycleProtection", map[string]any{"pulledWithinSeconds": 0}, ""); out["graceSeconds"] != 3456000.0 || out["pulledWithinSeconds"] != 0.0 {
		t.Errorf("%v", out)
	}
	summary, _ = preview(31*24*time.Hour - time.Minute)
	has(summary, `"expired":0`, `"protected":{"grace":3}`)
	call(a.Caller, "PutLifecycleProtection", map[string]any{"graceSeconds": -1}, "InvalidInputException")

	call(a.Caller, "PreviewLifecyclePolicy", map[string]any{"repositoryName": "app"}, "LifecyclePolicyNotFoundException")
	call(a.Caller, "PreviewLifecyclePolicy", map[string]any{"repositoryName": "app", "lifecyclePolicyText": "{"}, "InvalidInputException")
	call(a.Caller, "PreviewLifecyclePolicy", map[string]any{"repositoryName": "app", "lifecyclePolicyText": text, "at": 1}, "InvalidInputException")
	stranger := a.User(t, "stranger", "")
	for operation, in := range map[string]map[string]any{
		"PreviewLifecyclePolicy": {"repositoryName": "app", "lifecyclePolicyText": text}, "PutInventory": {"source": "a", "expiresInSeconds": 60, "images": []string{}},
		"ListInventories": {}, "DeleteInventory": {"source": "a"}, "PutLifecycleProtection": {}, "GetLifecycleProtection": {},
	} {
		call(stranger, operation, in, "not authorized to perform: berth:"+operation)
	}
}
