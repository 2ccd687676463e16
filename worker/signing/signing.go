// Package signing signs what was pushed where a rule of the registry asks for it (API-78): each image with a notation signature of each profile, in the JWS
// format of the Notary Project, as what refers to the image. The rows of the registry are the queue: several nodes share it, and a crash leaves nothing undone.
package signing

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

const (
	// every is how often a node looks: pushes do not wait for signatures, people who pushed do.
	every = time.Second
	// atOnce is how many signatures a node takes on at a time.
	atOnce = 20
)

// Run signs until ctx ends. An error is logged; the signature is tried again.
func Run(ctx context.Context, g *registry.Registry) {
	worker.Every(ctx, every, func(ctx context.Context) {
		if err := Sign(ctx, g); err != nil && ctx.Err() == nil {
			worker.Failed(ctx)
			slog.Error("images could not be signed; it is tried again", "error", err)
		}
	})
}

// Sign signs all that is due now.
func Sign(ctx context.Context, g *registry.Registry) error {
	var failed error
	for {
		tasks, err := g.SigningTasks(ctx, atOnce)
		if err != nil || len(tasks) == 0 {
			return errors.Join(failed, err)
		}
		for _, t := range tasks {
			if err := sign(ctx, t); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", t.Subject.Digest, err))
			}
		}
	}
}

// sign makes one signature.
func sign(ctx context.Context, t *registry.SigningTask) error {
	if t.Unusable != nil {
		return errors.Join(t.Unusable, t.Fail(ctx, "ProfileUnusable", "The key of the signing profile cannot be read: make another profile; the log of the server says why"))
	}
	if t.Chain == "" {
		return t.Fail(ctx, "ProfileNotFound", "The signing profile does not exist any more")
	}
	envelope, chain, err := makeEnvelope(t)
	if err != nil {
		return errors.Join(err, t.Fail(ctx, "InternalError", "The key of the signing profile could not sign; the log of the server says why"))
	}
	prints := make([]string, len(chain))
	for i, c := range chain {
		sum := sha256.Sum256(c.Raw)
		prints[i] = hex.EncodeToString(sum[:])
	}
	thumbprints, err := json.Marshal(prints)
	if err != nil {
		return err
	}
	return t.Attach(ctx, envelope, jws.MediaTypeEnvelope, map[string]string{
		"io.cncf.notary.x509chain.thumbprint#S256": string(thumbprints), "org.opencontainers.image.created": t.Time.UTC().Format(time.RFC3339),
	})
}

// makeEnvelope signs the descriptor of the image.
func makeEnvelope(t *registry.SigningTask) ([]byte, []*x509.Certificate, error) {
	key, err := x509.ParsePKCS8PrivateKey(t.Key)
	if err != nil {
		return nil, nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode([]byte(t.Chain)); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, c)
	}
	signer, err := signature.NewLocalSigner(chain, key)
	if err != nil {
		return nil, nil, err
	}
	type target struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
	payload, err := json.Marshal(map[string]target{"targetArtifact": {t.Subject.MediaType, string(t.Subject.Digest), t.Subject.Size}})
	if err != nil {
		return nil, nil, err
	}
	envelope, err := signature.NewEnvelope(jws.MediaTypeEnvelope)
	if err != nil {
		return nil, nil, err
	}
	signed, err := envelope.Sign(&signature.SignRequest{
		Payload: signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: payload},
		Signer:  signer, SigningTime: t.Time.Truncate(time.Second), SigningScheme: signature.SigningSchemeX509, SigningAgent: "berth",
	})
	return signed, chain, err
}
