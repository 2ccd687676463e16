package registry

import (
	"encoding/json"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

// told is the detail of an event about an image (EVT-3, EVT-4, EVT-8, EVT-10).
type told struct {
	Result             string     `json:"result"`
	RepositoryName     string     `json:"repository-name"`
	ImageDigest        oci.Digest `json:"image-digest"`
	ActionType         string     `json:"action-type"`
	ImageTag           string     `json:"image-tag,omitempty"`
	TargetStorageClass string     `json:"target-storage-class,omitempty"`
	LastActivatedAt    string     `json:"last-activated-at,omitempty"`
	ManifestMediaType  string     `json:"manifest-media-type"`
	ArtifactMediaType  string     `json:"artifact-media-type,omitempty"`
}

// tellPush tells of an image that came, or got the tag (EVT-3, EVT-10).
func (r *Repo) tellPush(tx *sql.Tx, m *oci.Manifest, d oci.Digest, tag string) error {
	return r.tell(tx, m.Subject != nil, told{ActionType: "PUSH", ImageDigest: d, ImageTag: tag, ManifestMediaType: m.MediaType, ArtifactMediaType: m.ArtifactMediaType()})
}

// tellDelete tells of an image that goes under each of its tags, or of the tags that it loses: one event for each tag, one for an image without (EVT-4,
// EVT-12). The image must still be there.
func (r *Repo) tellDelete(tx *sql.Tx, d oci.Digest, tags ...string) error {
	t, referrer, err := r.toldOf(tx, d)
	if err != nil {
		return err
	}
	t.ActionType = "DELETE"
	if len(tags) == 0 {
		tags = []string{""}
	}
	for _, t.ImageTag = range tags {
		if err := r.tell(tx, referrer, t); err != nil {
			return err
		}
	}
	return nil
}

// tellStorageClass tells that the image is now in the class: "ARCHIVE", or "STANDARD" since activated (EVT-8, EVT-12).
func (r *Repo) tellStorageClass(tx *sql.Tx, d oci.Digest, class string, activated time.Time) error {
	t, referrer, err := r.toldOf(tx, d)
	if err != nil {
		return err
	}
	t.ActionType, t.TargetStorageClass = "UPDATE_STORAGE_CLASS", class
	if !activated.IsZero() {
		t.LastActivatedAt = activated.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return r.tell(tx, referrer, t)
}

// toldOf is what every event says of a stored image, and whether it refers to a subject.
func (r *Repo) toldOf(tx *sql.Tx, d oci.Digest) (t told, referrer bool, err error) {
	t.ImageDigest = d
	err = tx.Row(`SELECT media_type, artifact_media_type, subject <> '' FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, d),
		&t.ManifestMediaType, &t.ArtifactMediaType, &referrer)
	return t, referrer, err
}

// tell writes the event in the transaction of what it tells of. What refers to a subject has a detail-type of its own, and is no image action (EVT-10).
func (r *Repo) tell(tx *sql.Tx, referrer bool, t told) error {
	t.Result, t.RepositoryName = "SUCCESS", r.Name
	detail, err := json.Marshal(t)
	if err != nil {
		return err
	}
	kind := "ECR Image Action"
	if referrer {
		kind = "ECR Referrer Action"
	}
	return event.Write(tx, event.Event{Account: r.Account, Region: r.Region, Source: "aws.ecr", DetailType: kind, Detail: detail, At: r.g.now()})
}
