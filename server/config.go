// Package server puts the parts of berth together. It is the only package that knows them all.
package server

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/berth-registry/berth/lang/arn"
)

// Config is what `berth serve` is told: by flags, by BERTH_… in the environment, or by a file (kong reads the tags).
type Config struct {
	Data    string   `help:"Folder for everything that is kept." default:"./berth-data" type:"path" env:"BERTH_DATA" placeholder:"DIR"`
	Listen  []string `help:"Address to listen on; several are allowed." default:"127.0.0.1:5050" env:"BERTH_LISTEN" placeholder:"ADDR"`
	Regions []string `help:"Regions that this cell serves." default:"us-east-1,us-east-2,us-west-2" env:"BERTH_REGIONS" placeholder:"REGION"`
	Domain  string   `help:"Name under which registries have hosts: {account}.dkr.ecr.{region}.NAME. Without it they are HOST:PORT/{account}/{region}." env:"BERTH_DOMAIN" placeholder:"NAME"`

	TLSCert       string `name:"tls-cert" help:"Certificate, PEM; read again when it changes." type:"path" env:"BERTH_TLS_CERT" placeholder:"FILE"`
	TLSKey        string `name:"tls-key" help:"Its key, PEM." type:"path" env:"BERTH_TLS_KEY" placeholder:"FILE"`
	TLSSelfSigned bool   `name:"tls-self-signed" help:"Make a certificate authority under the data folder, and serve the registries' names with it." env:"BERTH_TLS_SELF_SIGNED"`

	DB    string `name:"db" help:"Database: postgres://…; SQLite under the data folder unless given." env:"BERTH_DB" placeholder:"DSN"`
	Blobs string `help:"Where layers are: a folder, or s3://bucket/prefix?endpoint=…; under the data folder unless given." env:"BERTH_BLOBS" placeholder:"URL"`

	LogFormat string `help:"Form of the log: ${enum}." enum:"text,json" default:"text" env:"BERTH_LOG_FORMAT"`
	LogLevel  string `help:"What the log tells: ${enum}. The access log is at info." enum:"debug,info,warn,error" default:"info" env:"BERTH_LOG_LEVEL"`

	Account     string         `help:"Id of the first account; random unless given. Of use at the first start only." env:"BERTH_ACCOUNT" placeholder:"ID"`
	MetricsFrom []netip.Prefix `help:"Networks that may read /metrics." default:"127.0.0.0/8,::1/128" env:"BERTH_METRICS_FROM" placeholder:"CIDR"`
}

var regionName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

// Validate finds what cannot work before anything is made on disk. Kong calls it.
func (c *Config) Validate() error {
	if len(c.Regions) == 0 {
		return errors.New("--regions: name at least one region")
	}
	for _, r := range c.Regions {
		if len(r) > 32 || !regionName.MatchString(r) {
			return fmt.Errorf("--regions: %q is not the name of a region, such as us-east-1", r)
		}
	}
	if len(c.Listen) == 0 {
		return errors.New("--listen: name at least one address, such as 127.0.0.1:5050")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if c.TLSCert != "" && c.TLSSelfSigned {
		return errors.New("--tls-self-signed makes its own certificate: leave out --tls-cert and --tls-key, or it")
	}
	if c.Account != "" && !arn.IsAccount(c.Account) {
		return fmt.Errorf("--account: %q is not the id of an account: it has twelve digits", c.Account)
	}
	c.Domain = strings.ToLower(strings.Trim(c.Domain, "."))
	if strings.ContainsAny(c.Domain, "/: ") {
		return fmt.Errorf("--domain: %q is not a domain name", c.Domain)
	}
	return nil
}

// secure reports whether the listeners speak TLS.
func (c *Config) secure() bool { return c.TLSCert != "" || c.TLSSelfSigned }

// CredentialsFile is where the first start writes its access key, in the format of the AWS shared credentials file.
func (c *Config) CredentialsFile() string { return filepath.Join(c.Data, "credentials") }

func (c *Config) database() string {
	if c.DB != "" {
		return c.DB
	}
	return "sqlite:" + filepath.Join(c.Data, "berth.db")
}

func (c *Config) blobs() string {
	if c.Blobs != "" {
		return c.Blobs
	}
	return filepath.Join(c.Data, "blobs")
}

// makeData makes the data folder, closed to others: it holds the keys of every account.
func (c *Config) makeData() error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}
