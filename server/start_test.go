package server_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

func config(dir string) server.Config {
	return server.Config{
		Folder: server.Folder{Data: filepath.Join(dir, "data")}, Listen: []string{"127.0.0.1:0"}, Names: server.Names{Regions: []string{"us-east-1", "us-east-2", "us-west-2"}},
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// There is no default key: each first start makes its own, for its owner's eyes only, and no later start makes or tells any.
func TestFirstStartWritesItsOwnKey(t *testing.T) {
	keys := map[string]bool{}
	for range 2 {
		c := config(t.TempDir())
		first, err := server.Open(t.Context(), c, server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if first.First == nil || first.First.CredentialsFile != c.CredentialsFile() || !regexp.MustCompile(`^\d{12}$`).MatchString(first.First.ID) {
			t.Errorf("the first start says %+v", first.First)
		}
		first.Close()
		text, err := os.ReadFile(c.CredentialsFile())
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?s)^\[default\]\naws_access_key_id = AKIA[A-Z0-9]{16}\naws_secret_access_key = \S{40}\nregion = us-east-1\n$`).Match(text) {
			t.Errorf("the credentials file is %q", text)
		}
		if m := mode(t, c.CredentialsFile()); m != 0o600 {
			t.Errorf("the credentials file has mode %o", m)
		}
		if m := mode(t, c.Data); m != 0o700 {
			t.Errorf("the data folder has mode %o", m)
		}
		if keys[string(text)] {
			t.Error("two installations have the same key")
		}
		keys[string(text)] = true

		again, err := server.Open(t.Context(), c, server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if again.First != nil {
			t.Errorf("the second start made account %s", again.First.ID)
		}
		accounts, _, err := again.Identity().Accounts(t.Context(), iam.Page{})
		if err != nil || len(accounts) != 1 || accounts[0].ID != first.First.ID {
			t.Errorf("after the second start there are %v, %v", accounts, err)
		}
		again.Close()
		if now, err := os.ReadFile(c.CredentialsFile()); err != nil || string(now) != string(text) {
			t.Errorf("the second start changed the credentials file: %q, %v", now, err)
		}
	}
}

func TestFirstStartTakesTheAccountGiven(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) { c.Account = "000000000123" })
	if s.First.ID != "000000000123" {
		t.Errorf("the account is %s", s.First.ID)
	}
}

// A first start that cannot keep the key makes no account: its only key would be lost.
func TestFirstStartNeedsItsCredentialsFile(t *testing.T) {
	c := config(t.TempDir())
	if err := os.MkdirAll(filepath.Join(c.CredentialsFile(), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, err := server.Open(t.Context(), c, server.Options{}); err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if err := os.RemoveAll(c.CredentialsFile()); err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(t.Context(), c, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.First == nil {
		t.Error("the start after the obstacle was gone made no account")
	}
}

func TestProfilesKeepEachOther(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	const mine = "# mine\n[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s\n\n[work]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n"
	if err := os.WriteFile(file, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server.WriteProfile(file, "customer", server.Profile{AccessKeyID: "AKIA1", SecretAccessKey: "one", Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	if err := server.WriteProfile(file, "customer", server.Profile{AccessKeyID: "AKIA2", SecretAccessKey: "two", Region: "us-east-2"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := mine + "\n[customer]\naws_access_key_id = AKIA2\naws_secret_access_key = two\nregion = us-east-2\n"; strings.ReplaceAll(string(text), "\n\n\n", "\n\n") != want {
		t.Errorf("the file is %q", text)
	}
	if m := mode(t, file); m != 0o600 {
		t.Errorf("it has mode %o", m)
	}
	for name, want := range map[string]bool{"default": true, "work": true, "customer": true, "custom": false} {
		if has, err := server.HasProfile(file, name); err != nil || has != want {
			t.Errorf("profile %s: %v, %v", name, has, err)
		}
	}
	for _, name := range []string{"", "a]\n[b", "a]", " a", "a\n", "a # b"} {
		if err := server.WriteProfile(file, name, server.Profile{AccessKeyID: "AKIA3"}); err == nil {
			t.Errorf("a profile was called %q", name)
		}
	}
}

func TestOneServerForOneFolder(t *testing.T) {
	s := berthtest.Start(t)
	if _, err := server.Open(t.Context(), s.Config, server.Options{}); !errors.Is(err, server.ErrInUse) || !strings.Contains(err.Error(), s.Config.Data) {
		t.Errorf("a second server on the folder: %v", err)
	}
	if _, _, err := server.OpenIdentity(t.Context(), s.Config.Folder, s.Config.Database); !errors.Is(err, server.ErrInUse) {
		t.Errorf("a command on the folder of a running server: %v", err)
	}
}

// In a cluster a command works beside a node, on its folder too: that is the only one there is in a pod. What it changes holds at the node.
func TestOpenIdentityBesideANode(t *testing.T) {
	s := berthtest.Start(t, func(c *server.Config) { c.DB = sqltest.Postgres(t) })
	root := s.Account(t, vendor)
	who := func(c *berthtest.Caller) error {
		_, err := c.STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.RetryMaxAttempts = 1 })
		return err
	}
	if err := who(root.Caller); err != nil {
		t.Fatal(err)
	}
	directory, closeAll, err := server.OpenIdentity(t.Context(), s.Config.Folder, s.Config.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	key, err := directory.RecoverRoot(t.Context(), vendor)
	if err != nil {
		t.Fatal(err)
	}
	if err := who(s.As(key.ID, key.Secret, "")); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

// Commands on a stopped server's folder make nothing where there is nothing.
func TestOpenIdentityMakesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{filepath.Join(dir, "absent"), dir} {
		if _, _, err := server.OpenIdentity(t.Context(), server.Folder{Data: folder}, server.Database{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", folder, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := config(t.TempDir())
	c.Listen = []string{"127.0.0.1:0", taken.Addr().String()}
	s, err := server.Open(t.Context(), c, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Listen(); err == nil || !strings.Contains(err.Error(), "--listen "+taken.Addr().String()+": another program uses this address") {
		t.Errorf("it says %v", err)
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for want, change := range map[string]func(*server.Config){
		`--regions: "US East" is not the name of a region`:              func(c *server.Config) { c.Regions = []string{"US East"} },
		`--regions: name at least one region`:                           func(c *server.Config) { c.Regions = nil },
		`--listen: "5050" is not an address, such as 127.0.0.1:5050`:    func(c *server.Config) { c.Listen = []string{"5050"} },
		`--listen: name at least one address`:                           func(c *server.Config) { c.Listen = nil },
		`--domain: "https://registry.example.com" is not a domain name`: func(c *server.Config) { c.Domain = "https://registry.example.com" },
		`--domain: "exa mple.com" is not a domain name`:                 func(c *server.Config) { c.Domain = "exa mple.com" },
		`--account: "1234" is not the id of an account`:                 func(c *server.Config) { c.Account = "1234" },
		`--tls-cert and --tls-key go together`:                          func(c *server.Config) { c.TLSCert = "x" },
		`--tls-self-signed makes its own certificate`:                   func(c *server.Config) { c.TLSCert, c.TLSKey, c.TLSSelfSigned = "x", "y", true },
		`data folder: mkdir /proc/berth: no such file`:                  func(c *server.Config) { c.Data = "/proc/berth" },
		"database: cannot parse `postgres://user:xxxxx@[`":              func(c *server.Config) { c.DB = "postgres://user:hidden@[" },
		`database: PostgreSQL does not answer`:                          func(c *server.Config) { c.DB = "postgres://user:hidden@127.0.0.1:1/x" },
		`blob`:                                                          func(c *server.Config) { c.Blobs = "gopher://x" },
	} {
		c := config(t.TempDir())
		change(&c)
		s, err := server.Open(t.Context(), c, server.Options{})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("it tells the password: %v", err)
		}
	}
	// A name is a name however it is spelt.
	c := config(t.TempDir())
	c.Domain = "Registry.Example.COM."
	if err := c.Validate(); err != nil || c.Domain != "registry.example.com" {
		t.Errorf("the domain is %q, %v", c.Domain, err)
	}
}
