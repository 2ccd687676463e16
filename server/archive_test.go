package server_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/blob/s3test"
)

// API-75, LC-35, LC-37: with --archive-blobs, what is archived moves to the other store, is listed apart and cannot be pulled; asked back, it is activating, then active, and
// comes back byte for byte. A server whose layers are there does not start without that store.
func TestArchivedImagesMove_API75_LC35_LC37(t *testing.T) {
	for name, store := range map[string]func(t *testing.T) string{
		"files": func(t *testing.T) string { return t.TempDir() },
		"s3":    func(t *testing.T) string { return s3test.Start(t).URL("archive") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cold := store(t)
			s := berthtest.Start(t, func(c *server.Config) { c.ArchiveBlobs = cold })
			v := s.Account(t, vendor)
			repository(t, v, "app")
			login, client, ctx, app := v.Login(t, region), v.ECR(region), t.Context(), aws.String("app")
			layer := make([]byte, 1<<20)
			rand.Read(layer)
			image := berthtest.NewImage(layer)
			s.Push(t, login, there, "1", image)
			digest := image.Digest()

			update := func(class types.TargetStorageClass, want types.ImageStatus) {
				t.Helper()
				out, err := client.UpdateImageStorageClass(ctx, &ecr.UpdateImageStorageClassInput{RepositoryName: app, ImageId: &types.ImageIdentifier{ImageTag: aws.String("1")}, TargetStorageClass: class})
				if err != nil || out.ImageStatus != want {
					t.Fatalf("%+v, %v", out, err)
				}
			}
			list := func(status types.ImageStatusFilter) int {
				t.Helper()
				out, err := client.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: app, Filter: &types.ListImagesFilter{ImageStatus: status}})
				if err != nil {
					t.Fatal(err)
				}
				return len(out.ImageIds)
			}
			unpullable := func() {
				t.Helper()
				for _, reference := range []string{"1", digest} {
					if resp, text := s.Do(t, login, "GET", there+"/manifests/"+reference, nil); resp.StatusCode != http.StatusNotFound || !bytes.Contains(text, []byte("MANIFEST_UNKNOWN")) {
						t.Errorf("%s: %d %s", reference, resp.StatusCode, text)
					}
				}
				got, err := client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: app, ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}}})
				if err != nil || len(got.Images) != 0 || len(got.Failures) != 1 || got.Failures[0].FailureCode != types.ImageFailureCodeImageInaccessible {
					t.Errorf("%+v, %v", got, err)
				}
				if resp, text := s.Do(t, login, "GET", there+"/blobs/"+berthtest.Digest(layer), nil); resp.StatusCode < 400 {
					t.Errorf("its layer: %d, %d bytes", resp.StatusCode, len(text))
				}
			}
			update(types.TargetStorageClassArchive, types.ImageStatusArchived)
			unpullable()
			if active, archived, all := list(""), list(types.ImageStatusFilterArchived), list(types.ImageStatusFilterAny); active != 0 || archived != 1 || all != 1 {
				t.Errorf("%d active, %d archived, %d at all", active, archived, all)
			}
			// When its row points there, the server needs the store. What the database says is not for a client to see: a second server asks.
			moved := func() bool {
				other := s.Config
				other.Data, other.ArchiveBlobs, other.Listen = filepath.Join(t.TempDir(), "other"), "", []string{"127.0.0.1:0"}
				other.DB = "sqlite:" + filepath.Join(s.Config.Data, "berth.db")
				second, err := server.Open(ctx, other, server.Options{})
				if err == nil {
					second.Close()
				}
				return err != nil
			}
			wait := func(done func() bool) {
				t.Helper()
				for range 600 {
					if done() {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
				t.Fatal("it did not happen")
			}
			wait(moved)
			unpullable()

			update(types.TargetStorageClassStandard, types.ImageStatusActivating)
			wait(func() bool {
				out, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: app, ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}},
					Filter: &types.DescribeImagesFilter{ImageStatus: types.ImageStatusFilterAny}})
				if err != nil || len(out.ImageDetails) != 1 {
					t.Fatalf("%+v, %v", out, err)
				}
				switch i := out.ImageDetails[0]; i.ImageStatus {
				case types.ImageStatusActive:
					return i.LastActivatedAt != nil && i.LastArchivedAt != nil && len(i.ImageTags) == 1
				case types.ImageStatusActivating:
				default:
					t.Fatalf("%+v", i)
				}
				return false
			})
			s.Pull(t, login, there, "1", image)
			if active := list(""); active != 1 {
				t.Errorf("%d active", active)
			}
		})
	}
}
