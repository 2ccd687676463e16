package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// signingService is who signs, to the audit.
	signingService = "signer.amazonaws.com"
	// signingLease is how long a worker may take over a signature before another one tries.
	signingLease = time.Minute
	// signingTries is how often a signature is tried whose failure may pass.
	signingTries = 10
)

// SigningTask is an image that one profile is to sign. Whoever has it makes the signature and gives it to Attach, or says with Fail why it cannot be.
type SigningTask struct {
	// Subject is what is signed.
	Subject struct {
		MediaType string
		Digest    oci.Digest
		Size      int64 // bytes
	}
	// Key is the profile's, PKCS #8; Chain are its certificates, PEM, its own first. They are empty when there is no such profile any more.
	Key   []byte
	Chain string
	// Unusable says why the profile that is there cannot sign: what is stored of it is damaged, or of a berth that is not known here. The image cannot be signed then, and
	// others can.
	Unusable error
	// Time is when it is signed.
	Time time.Time

	profile string
	tries   int64
	repo    *Repo
}

// SigningTasks takes some of the images that are to be signed. They are the caller's for a minute: whoever asks meanwhile gets others, and after it they are
// given out again, so that nothing is lost with a process.
func (g *Registry) SigningTasks(ctx context.Context, limit int) (tasks []*SigningTask, err error) {
	now := g.now()
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		tasks = nil
		repositories := map[*SigningTask]int64{}
		err := tx.Rows(`UPDATE image_signing SET due = $1, tries = tries + 1 WHERE status = 'IN_PROGRESS' AND due <= $2 AND (repository_id, digest, profile) IN
			(SELECT repository_id, digest, profile FROM image_signing WHERE status = 'IN_PROGRESS' AND due <= $2 ORDER BY due LIMIT $3) RETURNING repository_id, digest, profile, tries`,
			sql.Args(sql.Micros(now.Add(signingLease)), sql.Micros(now), limit), func(row sql.Scanner) error {
				t := &SigningTask{Time: now}
				var id int64
				err := row.Scan(&id, &t.Subject.Digest, &t.profile, &t.tries)
				repositories[t] = id
				tasks = append(tasks, t)
				return err
			})
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if err := g.equip(tx, t, repositories[t]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tasks, nil
}

// equip gives a task the image, its repository and the key.
func (g *Registry) equip(tx *sql.Tx, t *SigningTask, id int64) error {
	repo, err := g.scanRepository(func(dest ...any) error { return tx.Row(selectRepository+` WHERE id = $1`, sql.Args(id), dest...) })
	if err != nil {
		return err
	}
	if err := tx.Row(`SELECT media_type, body_size FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(id, t.Subject.Digest), &t.Subject.MediaType, &t.Subject.Size); err != nil {
		return err
	}
	call := &iam.Call{Principal: &policy.Principal{Type: policy.Service, ARN: signingService, ServiceNames: []string{signingService}}, Time: t.Time, Region: repo.Region}
	a := &call.Audit
	a.Time, a.Principal, a.Action, a.Region, a.Resource, a.Owner, a.Decision = t.Time, signingService, "ecr:PutImage", repo.Region, repo.ARN(), repo.Account, "Allow"
	t.repo = &Repo{Repository: repo, g: g, call: call}
	profile, name, err := parseProfile(t.profile)
	if err != nil {
		t.Unusable = err
		return nil
	}
	var sealed []byte
	err = tx.Row(`SELECT sealed_key, chain FROM signing_profile WHERE account = $1 AND region = $2 AND name = $3`, sql.Args(profile.Account, profile.Region, name), &sealed, &t.Chain)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if t.Key, err = g.who.Disclose(sealed, t.profile); err != nil {
		t.Unusable = fmt.Errorf("the key of %s: %w", t.profile, err)
	}
	return nil
}

// Attach pushes a signature as what refers to the image, in the form of the Notary Project: an image whose config has their artifact type and whose one layer
// is the envelope. A signature with these annotations that is there already, from a worker that did not get to say so, is not made twice.
func (t *SigningTask) Attach(ctx context.Context, envelope []byte, mediaType string, annotations map[string]string) error {
	err := t.attach(ctx, envelope, mediaType, annotations)
	if f := fault.As(err); f != nil && f.Code != fault.Unavailable {
		return t.Fail(ctx, string(f.Code), f.Message)
	}
	if err != nil {
		if t.tries >= signingTries {
			return errors.Join(err, t.Fail(ctx, "InternalError", fmt.Sprintf("The signature could not be stored in %d tries", t.tries)))
		}
		return err
	}
	return t.end(ctx, SigningComplete, "", "")
}

func (t *SigningTask) attach(ctx context.Context, envelope []byte, mediaType string, annotations map[string]string) error {
	r := t.repo
	const thumbprints = "io.cncf.notary.x509chain.thumbprint#S256"
	there, _, err := r.Referrers(ctx, t.Subject.Digest, []string{oci.NotarySignature}, "", "", 100)
	if err != nil {
		return err
	}
	for _, s := range there {
		if s.Annotations[thumbprints] == annotations[thumbprints] {
			return nil
		}
	}
	config := []byte("{}")
	for _, content := range [][]byte{config, envelope} {
		if _, err := r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content)); err != nil {
			return err
		}
	}
	type descriptor struct {
		MediaType string     `json:"mediaType"`
		Digest    oci.Digest `json:"digest"`
		Size      int64      `json:"size"`
	}
	of := func(mediaType string, content []byte) descriptor {
		return descriptor{mediaType, oci.FromBytes(content), int64(len(content))}
	}
	manifest, err := json.Marshal(struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Subject       descriptor        `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
	}{2, oci.MediaTypeImageManifest, of(oci.NotarySignature, config), []descriptor{of(mediaType, envelope)}, descriptor(t.Subject), annotations})
	if err != nil {
		return err
	}
	_, err = r.PutImage(ctx, PutImage{Body: manifest})
	return err
}

// Fail says why the image cannot be signed.
func (t *SigningTask) Fail(ctx context.Context, code, reason string) error {
	return t.end(ctx, SigningFailed, code, reason)
}

func (t *SigningTask) end(ctx context.Context, status, code, reason string) error {
	return t.repo.g.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE image_signing SET status = $1, failure_code = $2, failure_reason = $3 WHERE repository_id = $4 AND digest = $5 AND profile = $6 AND status = 'IN_PROGRESS'`,
			status, code, reason, t.repo.ID, t.Subject.Digest, t.profile)
		return err
	})
}
