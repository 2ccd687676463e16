package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Target says which installation a command speaks to: a running server with the caller's AWS credentials, or the data folder of one that is stopped.
type Target struct {
	Data     string `help:"Data folder of the installation." default:"./berth-data" type:"path" env:"BERTH_DATA" placeholder:"DIR"`
	Endpoint string `help:"URL of a running server." env:"AWS_ENDPOINT_URL" placeholder:"URL"`
}

// credentials is the shared credentials file that the caller uses: the one that AWS names, or the data folder's.
func (t *Target) credentials() string {
	if file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); file != "" {
		return file
	}
	return filepath.Join(t.Data, "credentials")
}

// call runs an operation of berth's own service on the running server.
func (t *Target) call(ctx context.Context, operation string, in, out any) error {
	endpoint := t.Endpoint
	if endpoint == "" {
		endpoint = "http://127.0.0.1:5050"
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedCredentialsFiles([]string{t.credentials()}))
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	who, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("no AWS credentials: set AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE as `berth serve` printed them: %w", err)
	}
	region := cfg.Region
	if region == "" {
		region = "us-east-1"
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("--endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Berth_20261122."+operation)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), "berth", region, time.Now()); err != nil {
		return err
	}
	client, err := t.client()
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("the server's answer broke off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var refused struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(answer, &refused) != nil || refused.Type == "" {
			return fmt.Errorf("%s answered %s: is it a berth?", endpoint, resp.Status)
		}
		return fmt.Errorf("%s (%s, request id %s)", refused.Message, refused.Type, resp.Header.Get("X-Amzn-Requestid"))
	}
	return json.Unmarshal(answer, out)
}

// client trusts what AWS_CA_BUNDLE names, and the authority of the data folder, beside the system's.
func (t *Target) client() (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	bundles := []string{filepath.Join(t.Data, "tls", "ca.pem")}
	if file := os.Getenv("AWS_CA_BUNDLE"); file != "" {
		bundles = append(bundles, file)
	}
	for _, file := range bundles {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM(text)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, Timeout: time.Minute}, nil
}
