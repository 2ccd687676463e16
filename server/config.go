// Package server puts the parts of berth together. It is the only package that knows them all.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Config is what `berth serve` is told: by flags, by BERTH_… in the environment, or by a file (kong reads the tags).
type Config struct {
	Folder
	Listen       []string       `help:"Address to listen on; several are allowed (default: 127.0.0.1:5050)." default:"127.0.0.1:5050" env:"BERTH_LISTEN" placeholder:"ADDR"`
	VPCEndpoint  []Endpoint     `name:"vpc-endpoint" help:"Private endpoint to listen on, as ID=ADDR[,vpc=VPC][,policy=FILE]; several are allowed. Requests through it have aws:SourceVpce, aws:SourceVpc and aws:VpcSourceIp, and no aws:SourceIp, and must pass the endpoint policy in FILE; without one everything passes." sep:";" env:"BERTH_VPC_ENDPOINT" placeholder:"vpce-…=ADDR"`
	TrustedProxy []netip.Prefix `help:"Networks of proxies before this server, whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed (default: none). A proxy must add to the first and set the others itself." env:"BERTH_TRUSTED_PROXY" placeholder:"CIDR"`
	Names

	TLSCert       string `name:"tls-cert" help:"Certificate, PEM; read again when it changes." type:"path" env:"BERTH_TLS_CERT" placeholder:"FILE"`
	TLSKey        string `name:"tls-key" help:"Its key, PEM." type:"path" env:"BERTH_TLS_KEY" placeholder:"FILE"`
	TLSSelfSigned bool   `name:"tls-self-signed" help:"Make a certificate authority under the data folder, and serve the registries' names with it." env:"BERTH_TLS_SELF_SIGNED"`

	Database
	Stores

	KeepRemoved time.Duration `help:"For how long deleted and expired images can be brought back with berth image restore; 0 is not at all (default: ${default})." default:"168h" env:"BERTH_KEEP_REMOVED" placeholder:"DURATION"`

	Scrub Rate `help:"Read everything that is stored again, at most so fast, to find what is damaged before somebody pulls it: a rate such as 10MB/s; 0 is not at all (default: ${default})." default:"0" env:"BERTH_SCRUB" placeholder:"RATE"`

	LogFormat string `help:"Form of the log: ${enum}." enum:"text,json" default:"text" env:"BERTH_LOG_FORMAT"`
	LogLevel  string `help:"What the log tells: ${enum}. The access log is at info." enum:"debug,info,warn,error" default:"info" env:"BERTH_LOG_LEVEL"`

	ChunkCreated bool `name:"chunk-created" help:"Answer an uploaded chunk of a layer with 201, as AWS does, and not with the 202 of the OCI specification." env:"BERTH_CHUNK_CREATED"`

	Providers
	Limits
	Connections

	Account       string         `help:"Id of the first account; random unless given. Of use at the first start only." env:"BERTH_ACCOUNT" placeholder:"ID"`
	MetricsFrom   []netip.Prefix `help:"Networks that may read /metrics, by the address of their connection: not through a proxy (default: this machine)." default:"127.0.0.0/8,::1/128" env:"BERTH_METRICS_FROM" placeholder:"CIDR"`
	MetricsListen string         `help:"Address to tell /metrics at, without TLS, with /healthz and /readyz and nothing else; the other addresses then do not tell them. Metrics name repositories: keep it from the internet." env:"BERTH_METRICS_LISTEN" placeholder:"ADDR"`
}

// Folder is where an installation keeps what is in no database: at least its credentials file. Commands that work on an installation name it too.
type Folder struct {
	Data string `help:"Data folder of the installation (default: ./berth-data)." default:"./berth-data" type:"path" env:"BERTH_DATA" placeholder:"DIR"`
}

// Names are those by which registries are reached.
type Names struct {
	Regions []string `help:"Regions that this cell serves (default: us-east-1,us-east-2,us-west-2)." default:"us-east-1,us-east-2,us-west-2" env:"BERTH_REGIONS" placeholder:"REGION"`
	Domain  string   `help:"Name under which registries have hosts: {account}.dkr.ecr.{region}.NAME. Without it they are HOST:PORT/{account}/{region}." env:"BERTH_DOMAIN" placeholder:"NAME"`
}

// Database is where everything but layers is kept.
type Database struct {
	DB string `name:"db" help:"Database: postgres://…; SQLite under the data folder unless given." env:"BERTH_DB" placeholder:"DSN"`
}

// Stores are where layers are kept.
type Stores struct {
	Blobs string `help:"Where layers are: a folder, or s3://bucket/prefix?endpoint=…; under the data folder unless given." env:"BERTH_BLOBS" placeholder:"URL"`

	ArchiveBlobs string `help:"Where the layers go that only archived images use: a folder or bucket as of --blobs, such as a cheaper one. Without it they stay where they are." env:"BERTH_ARCHIVE_BLOBS" placeholder:"URL"`
}

var (
	regionName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	domainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// Validate finds names that cannot be.
func (n *Names) Validate() error {
	if len(n.Regions) == 0 {
		return errors.New("--regions: name at least one region")
	}
	for _, r := range n.Regions {
		if len(r) > 32 || !regionName.MatchString(r) {
			return fmt.Errorf("--regions: %q is not the name of a region, such as us-east-1", r)
		}
	}
	n.Domain = strings.ToLower(strings.TrimSuffix(n.Domain, "."))
	if n.Domain != "" && (len(n.Domain) > 200 || !domainName.MatchString(n.Domain)) {
		return fmt.Errorf("--domain: %q is not a domain name, such as registry.example.com", n.Domain)
	}
	return nil
}

// Validate finds what cannot work before anything is made on disk. Kong calls it.
func (c *Config) Validate() error {
	if err := c.Names.Validate(); err != nil {
		return err
	}
	if err := errors.Join(c.Providers.Validate(), c.Limits.Validate(), c.Connections.Validate()); err != nil {
		return err
	}
	if c.KeepRemoved < 0 {
		return errors.New("--keep-removed: name a time such as 168h, or 0")
	}
	if len(c.Listen) == 0 {
		return errors.New("--listen: name at least one address, such as 127.0.0.1:5050")
	}
	for _, addr := range c.Listen {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("--listen: %q is not an address, such as 127.0.0.1:5050, or :5050 for every address of this machine", addr)
		}
	}
	if c.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
			return fmt.Errorf("--metrics-listen: %q is not an address, such as 10.1.2.3:5051, or :5051 for every address of this machine", c.MetricsListen)
		}
	}
	ids := map[string]bool{}
	for _, e := range c.VPCEndpoint {
		if ids[e.ID] {
			return fmt.Errorf("--vpc-endpoint: %s is declared twice", e.ID)
		}
		ids[e.ID] = true
		if _, err := e.load(); err != nil {
			return fmt.Errorf("--vpc-endpoint %s: %w", e.ID, err)
		}
	}
	for _, p := range c.TrustedProxy {
		if p.Bits() == 0 {
			return fmt.Errorf("--trusted-proxy: %s is everybody, and everybody could say to be from anywhere: name the networks of your proxies", p)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if c.TLSCert != "" && c.TLSSelfSigned {
		return errors.New("--tls-self-signed makes its own certificate: leave out --tls-cert and --tls-key, or it")
	}
	if err := c.check(); err != nil {
		return err
	}
	if c.Account != "" && !arn.IsAccount(c.Account) {
		return fmt.Errorf("--account: %q is not the id of an account: it has twelve digits", c.Account)
	}
	return nil
}

// secure reports whether the listeners speak TLS.
func (c *Config) secure() bool { return c.TLSCert != "" || c.TLSSelfSigned }

// CredentialsFile is where the first start writes its access key, in the format of the AWS shared credentials file.
func (f *Folder) CredentialsFile() string { return filepath.Join(f.Data, "credentials") }

// CAFile is the certificate authority of --tls-self-signed, which clients have to trust.
func (f *Folder) CAFile() string { return filepath.Join(f.Data, "tls", "ca.pem") }

// check finds a DSN that cannot be.
func (d *Database) check() error {
	if _, err := sql.File(d.DB); err != nil && d.DB != "" {
		return fmt.Errorf("--db: %w", err)
	}
	return nil
}

// in is the DSN, which by default is of a file in the data folder.
func (d *Database) in(f *Folder) string {
	if d.DB != "" {
		return d.DB
	}
	return "sqlite:" + f.database()
}

// database is the file of the default database.
func (f *Folder) database() string { return filepath.Join(f.Data, "berth.db") }

// blobs is the store of layers, which by default is a folder in the data folder.
func (s *Stores) blobs(f *Folder) string {
	if s.Blobs != "" {
		return s.Blobs
	}
	return filepath.Join(f.Data, "blobs")
}

// open opens the stores; archive is nil if there is none.
func (s *Stores) open(ctx context.Context, f *Folder) (blobs, archive blob.Store, err error) {
	if blobs, err = blob.Open(ctx, s.blobs(f)); err != nil {
		return nil, nil, err
	}
	if s.ArchiveBlobs != "" {
		if archive, err = blob.Open(ctx, s.ArchiveBlobs); err != nil {
			return nil, nil, fmt.Errorf("--archive-blobs: %w", err)
		}
	}
	return blobs, archive, nil
}

// create makes the data folder, closed to others: it holds the keys of every account.
func (f *Folder) create() error {
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}
