package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// certificates answers TLS handshakes, and sees when the files behind it change (F33).
type certificates struct {
	cert, key string

	mu      sync.Mutex
	loaded  *tls.Certificate
	of      [2]time.Time // modification times of what was loaded
	checked time.Time
}

// recheck is how often the files are looked at; a handshake more or less with the old certificate does no harm.
const recheck = time.Second

// certificates finds or makes what the configuration names.
func (s *Server) certificates() (*certificates, error) {
	c := &certificates{cert: s.config.TLSCert, key: s.config.TLSKey}
	if s.config.TLSSelfSigned {
		dir := filepath.Join(s.config.Data, "tls")
		c.cert, c.key = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
		if err := selfSign(dir, s.certificateNames()); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return c, nil
}

func (s *Server) certificateNames() []string {
	names := append(s.names.Wildcards(), "localhost", "127.0.0.1", "::1")
	addresses := slices.Clone(s.config.Listen)
	for _, e := range s.config.VPCEndpoint {
		addresses = append(addresses, e.Address)
	}
	for _, addr := range addresses {
		if host, _, err := net.SplitHostPort(addr); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
			names = append(names, host)
		}
	}
	return names
}

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) > recheck {
		c.checked = now
		if c.times() != c.of {
			// A pair that is half written does not load; the old one serves until it does.
			if err := c.read(); err != nil {
				slog.Error("the new certificate cannot be read; the old one is used", "error", err)
			}
		}
	}
	return c.loaded, nil
}

func (c *certificates) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *certificates) read() error {
	of := c.times()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.of = &pair, of
	return nil
}

func (c *certificates) times() (t [2]time.Time) {
	for i, path := range []string{c.cert, c.key} {
		if info, err := os.Stat(path); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}

const (
	caYears       = 10
	serverDays    = 397 // the most that clients accept
	renewBeforeBy = 30 * 24 * time.Hour
)

// selfSign makes a certificate authority in dir, once, and a certificate of it for names, again whenever the names change or its end is near.
func selfSign(dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, caKey, err := authority(dir)
	if err != nil {
		return err
	}
	if old, err := readCertificate(filepath.Join(dir, "server.pem")); err == nil && time.Now().Before(old.NotAfter.Add(-renewBeforeBy)) && old.CheckSignatureFrom(ca) == nil && covers(old, names) {
		if _, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")); err == nil { // a crash may have left one of them torn, or of another pair
			return nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "berth"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, serverDays),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	return errors.Join(writeKey(filepath.Join(dir, "server.key"), key), writePEM(filepath.Join(dir, "server.pem"), "CERTIFICATE", der, 0o644))
}

func covers(cert *x509.Certificate, names []string) bool {
	for _, name := range names {
		if net.ParseIP(name) != nil {
			if cert.VerifyHostname(name) != nil {
				return false
			}
			continue
		}
		found := false
		for _, have := range cert.DNSNames {
			found = found || have == name
		}
		if !found {
			return false
		}
	}
	return true
}

func authority(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certPath, keyPath := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	cert, err := readCertificate(certPath)
	if err == nil {
		key, err := readKey(keyPath)
		return cert, key, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "berth certificate authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(caYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	// The key first: a certificate without its key could never be used again.
	if err := errors.Join(writeKey(keyPath, key), writePEM(certPath, "CERTIFICATE", der, 0o644)); err != nil {
		return nil, nil, err
	}
	cert, err = x509.ParseCertificate(der)
	return cert, key, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system's randomness cannot fail
	}
	return n
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", path)
	}
	return block.Bytes, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	der, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	der, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	return x509.ParseECPrivateKey(der)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "EC PRIVATE KEY", der, 0o600)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return writeWhole(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// writeWhole writes a file so that a crash leaves all of it, or what was there before.
func writeWhole(path string, text []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
