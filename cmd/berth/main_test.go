package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata run this very program: main, in a process of its own.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"berth": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			_, port, err := net.SplitHostPort(l.Addr().String())
			e.Setenv("PORT", port)
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("TMPDIR", e.WorkDir)
			l.Close()
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "mode": mode, "keep": keep, "operator": operator},
	})
}

// ready URL waits until a server answers there.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready URL")
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(args[0])
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Since(begin) > time.Minute {
			ts.Fatalf("nobody answers: %v", err)
		}
	}
}

// mode FILE PERMISSIONS checks who may read a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().Perm().String(); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

// operator CREDENTIALS[@PROFILE] OPERATION [MEMBER=VALUE …] makes a call of IAM, or of STS for GetCallerIdentity, and prints the answer.
func operator(ts *testscript.TestScript, neg bool, args []string) {
	file, profile, _ := strings.Cut(args[0], "@")
	p, err := config.LoadSharedConfigProfile(context.Background(), cmp.Or(profile, "default"), func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{ts.MkAbs(file)}, []string{}
	})
	ts.Check(err)
	service, form := "iam", url.Values{"Action": {args[1]}, "Version": {"2010-05-08"}}
	if args[1] == "GetCallerIdentity" {
		service, form["Version"] = "sts", []string{"2011-06-15"}
	}
	for _, member := range args[2:] {
		name, value, _ := strings.Cut(member, "=")
		form.Set(name, value)
	}
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("AWS_ENDPOINT_URL")+"/", strings.NewReader(form.Encode()))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form.Encode()))
	ts.Check(v4.NewSigner().SignHTTP(context.Background(), p.Credentials, req, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", answer)
	if (resp.StatusCode == http.StatusOK) == neg {
		ts.Fatalf("%s: %s %s", args[1], resp.Status, answer)
	}
}

// keep VARIABLE REGEXP sets a variable to what the first group of the expression finds in the last standard output.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if neg || len(found) != 2 {
		ts.Fatalf("%s is not in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// Law 8: each berth command that README.md shows is one that there is, with flags that there are.
func TestReadmeNamesCommandsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)(?:^|\| |\x60)(?:bin/)?berth ([a-z][^\n\x60|]*)`).FindAllStringSubmatch(string(text), -1)
	if len(shown) < 10 {
		t.Fatalf("only %d commands were found", len(shown))
	}
	for _, found := range shown {
		command := strings.ReplaceAll(found[1], "--help", "")
		command, _, _ = strings.Cut(command, "#")
		var cli CLI
		k, err := kong.New(&cli, spans(), kong.Exit(func(int) { t.Errorf("berth %s ends", command) }))
		if err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(command)
		for i, arg := range args { // those elided in running text
			args[i] = strings.NewReplacer("…", "x").Replace(arg)
		}
		if _, err := k.Parse(args); err != nil {
			t.Errorf("README.md shows berth %s: %v", command, err)
		}
	}
}
