package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/berthtest"
)

// A policy that asks for ecr:ImageTag or ecr:ImageDigest holds through both doors, whichever way the image is named.
func TestImageConditionKeys(t *testing.T) {
	const region, vendor = "us-east-1", "111222333444"
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	ctx, admin, name := t.Context(), v.ECR(region), aws.String("app")
	if _, err := admin.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	path := vendor + "/" + region + "/app"
	owner := v.Login(t, region)
	dev, release := berthtest.NewImage([]byte("dev")), berthtest.NewImage([]byte("release"))
	s.Push(t, owner, path, "dev-1", dev)
	s.Push(t, owner, path, "release-1", release)
	child := berthtest.NewImage([]byte("child"))
	s.Push(t, owner, path, child.Digest(), child)
	list, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
		"manifests": []any{map[string]any{"mediaType": berthtest.ManifestType, "digest": child.Digest(), "size": len(child.Manifest)}}})
	if err != nil {
		t.Fatal(err)
	}
	index := &berthtest.Image{Manifest: list}
	if r, body := s.Do(t, owner, http.MethodPut, path+"/manifests/release-2", bytes.NewReader(index.Manifest), "Content-Type", "application/vnd.oci.image.index.v1+json"); r.StatusCode != http.StatusCreated {
		t.Fatal(r.Status, string(body))
	}

	// What the repository's own policy denies, it denies to everybody.
	if _, err := admin.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Sid":"KeepReleases","Effect":"Deny","Principal":"*","Action":["ecr:PutImage","ecr:BatchDeleteImage"],"Condition":{"StringLike":{"ecr:ImageTag":"release-*"}}},
		{"Sid":"NoDev","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111222333444:root"},"NotAction":["ecr:PutImage","ecr:BatchDeleteImage"],"Condition":{"StringLike":{"ecr:ImageTag":"dev-*"},"StringEquals":{"aws:username":"prod"}}}]}`)}); err != nil {
		t.Fatal(err)
	}
	prod := v.User(t, "prod", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	login, client := prod.Login(t, region), prod.ECR(region)

	for _, c := range []struct {
		method, reference string
		status            int
	}{
		{"GET", "release-1", 200}, {"HEAD", "release-1", 200}, {"GET", release.Digest(), 200}, {"GET", "release-2", 200}, {"GET", index.Digest(), 200}, {"GET", child.Digest(), 200},
		{"GET", "dev-1", 403}, {"HEAD", "dev-1", 403}, {"GET", dev.Digest(), 403}, {"HEAD", dev.Digest(), 403}, {"GET", "dev-9", 403}, {"GET", "other", 404},
		{"DELETE", "release-1", 403}, {"DELETE", release.Digest(), 403}, {"DELETE", index.Digest(), 403},
	} {
		r, body := s.Do(t, login, c.method, path+"/manifests/"+c.reference, nil)
		if r.StatusCode != c.status || c.status == 403 && c.method != "HEAD" && !strings.Contains(string(body), "with an explicit deny in a resource-based policy") {
			t.Errorf("%s %s: %s %s, want %d", c.method, c.reference, r.Status, body, c.status)
		}
	}
	if r, body := s.Do(t, login, "GET", path+"/referrers/"+dev.Digest(), nil); r.StatusCode != 403 {
		t.Errorf("referrers: %s %s", r.Status, body)
	}
	for tag, status := range map[string]int{"release-9": 403, "release-1": 403, "dev-2": 201} { // the image that is there, under another tag
		r, body := s.Do(t, login, http.MethodPut, path+"/manifests/"+tag, bytes.NewReader(dev.Manifest), "Content-Type", berthtest.ManifestType)
		if r.StatusCode != status {
			t.Errorf("PUT %s: %s %s", tag, r.Status, body)
		}
	}

	// The same through the ECR API: a batch is served whole or not at all.
	get := func(ids ...types.ImageIdentifier) error {
		_, err := client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: name, ImageIds: ids})
		return err
	}
	remove := func(ids ...types.ImageIdentifier) error {
		_, err := client.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: name, ImageIds: ids})
		return err
	}
	put := func(i *berthtest.Image, tag string) error {
		_, err := client.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: aws.String(string(i.Manifest)), ImageTag: &tag})
		return err
	}
	tag := func(t string) types.ImageIdentifier { return types.ImageIdentifier{ImageTag: &t} }
	digest := func(i *berthtest.Image) types.ImageIdentifier {
		return types.ImageIdentifier{ImageDigest: aws.String(i.Digest())}
	}
	for what, c := range map[string]struct {
		err     error
		refused bool
	}{
		"allowed":                       {get(tag("release-1"), digest(release), digest(child), tag("other")), false},
		"one denied of several":         {get(tag("release-1"), tag("dev-1")), true},
		"by digest":                     {get(digest(dev)), true},
		"a mistake beside a denied one": {get(types.ImageIdentifier{}, tag("dev-1")), true},
		"delete by tag":                 {remove(tag("release-1")), true},
		"delete by digest":              {remove(digest(release)), true},
		"delete one of several":         {remove(tag("dev-2"), tag("release-1")), true},
		"put":                           {put(dev, "release-9"), true},
		"put allowed":                   {put(dev, "dev-3"), false},
		"delete allowed":                {remove(tag("dev-2")), false},
	} {
		if refused := c.err != nil && strings.Contains(c.err.Error(), "AccessDeniedException"); refused != c.refused || c.err != nil && !refused {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	s.Pull(t, owner, path, "release-1", release)
	s.Pull(t, owner, path, "dev-1", dev)
}
