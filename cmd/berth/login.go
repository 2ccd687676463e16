package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/berth-registry/berth/server"
)

// LoginCmd is `berth login`.
type LoginCmd struct {
	Target
	Account       string `help:"Id or alias of the account." required:"" placeholder:"ID-OR-ALIAS"`
	User          string `help:"Name of the user." required:"" placeholder:"NAME"`
	Profile       string `help:"Profile of the credentials file that gets the credentials (default: NAME@ID-OR-ALIAS)." placeholder:"NAME"`
	PasswordStdin bool   `name:"password-stdin" help:"Read the password from the standard input: its first line. The second, if there is one, is the new password, should one have to be set."`
}

// passwordSignIn is what SignIn of berth's own service takes, and signedIn what it answers.
type passwordSignIn struct {
	Account     string `json:"account"`
	UserName    string `json:"userName"`
	Password    string `json:"password"`
	NewPassword string `json:"newPassword,omitempty"`
}

type signedIn struct {
	Arn         string
	MustChange  string
	Credentials struct {
		AccessKeyID, SecretAccessKey, SessionToken string
		Expiration                                 float64
	}
}

// Run asks for the password, and writes the credentials that it is good for into the credentials file.
func (c *LoginCmd) Run(ctx context.Context, cli *CLI) error {
	profile := c.Profile
	if profile == "" {
		profile = c.User + "@" + c.Account
	}
	if err := server.CheckProfile(profile); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	file, err := c.loginFile()
	if err != nil {
		return err
	}
	if lasting, err := server.HasLastingKey(file, profile); err != nil {
		return err
	} else if lasting {
		return fmt.Errorf("profile %q of %s has a key that does not expire, and that would be lost: choose another name with --profile", profile, file)
	}
	got, err := c.signIn(ctx)
	if err != nil {
		return err
	}
	k := got.Credentials
	if err := server.WriteProfile(file, profile, server.Profile{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken, Region: os.Getenv("AWS_REGION")}); err != nil {
		return err
	}
	ends := time.Unix(int64(k.Expiration), 0)
	if cli.Output == "json" {
		return printJSON(struct{ Arn, Profile, CredentialsFile, Expiration string }{got.Arn, profile, file, ends.UTC().Format(time.RFC3339)})
	}
	fmt.Printf("Signed in as %s until %s. To go on:\n\n", got.Arn, ends.Format("15:04 on 2 January"))
	fmt.Printf("  export AWS_SHARED_CREDENTIALS_FILE=%s AWS_PROFILE=%s AWS_ENDPOINT_URL=%s\n  aws sts get-caller-identity\n", quote(file), quote(profile), quote(c.url()))
	return nil
}

// loginFile is the credentials file that the caller's tools read: the one that AWS names, that of the data folder if there is one here, or the one in the
// home folder.
func (c *LoginCmd) loginFile() (string, error) {
	file := c.credentials()
	if _, err := os.Stat(file); err == nil || os.Getenv("AWS_SHARED_CREDENTIALS_FILE") != "" {
		return absolute(file), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for the credentials; name a file with AWS_SHARED_CREDENTIALS_FILE: %w", err)
	}
	folder := filepath.Join(home, ".aws")
	return filepath.Join(folder, "credentials"), os.MkdirAll(folder, 0o700)
}

// signIn asks for what it takes, at most two times: for the password, and for another one if it must be changed.
func (c *LoginCmd) signIn(ctx context.Context) (*signedIn, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	server := caller{endpoint: c.url(), http: client}
	in := bufio.NewReader(io.LimitReader(os.Stdin, 4096))
	who := passwordSignIn{Account: c.Account, UserName: c.User}
	if who.Password, err = c.ask(ctx, in, "Password: "); err != nil {
		return nil, err
	}
	var out signedIn
	if err := server.call(ctx, "SignIn", who, &out); err != nil || out.MustChange == "" {
		return &out, err
	}
	fmt.Fprintln(os.Stderr, out.MustChange)
	if who.NewPassword, err = c.ask(ctx, in, "New password: "); err != nil {
		return nil, err
	}
	if !c.PasswordStdin {
		again, err := c.ask(ctx, in, "The new password again: ")
		if err != nil {
			return nil, err
		}
		if again != who.NewPassword {
			return nil, errors.New("the two are not the same; the old password still stands")
		}
	}
	out = signedIn{}
	return &out, server.call(ctx, "SignIn", who, &out)
}

// ask reads a password: a line of the standard input if that was asked for, else from the terminal, which does not show it.
func (c *LoginCmd) ask(ctx context.Context, in *bufio.Reader, prompt string) (string, error) {
	if c.PasswordStdin {
		line, err := in.ReadString('\n')
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" {
			return "", errors.Join(errors.New("the standard input has no line for this: "+strings.TrimSuffix(prompt, ": ")), ignoreEnd(err))
		}
		return line, nil
	}
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", errors.New("there is no terminal to ask for the password: give it on the standard input with --password-stdin")
	}
	fmt.Fprint(os.Stderr, prompt)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- answer{text, err}
	}()
	defer fmt.Fprintln(os.Stderr)
	select {
	case a := <-read:
		if a.err == nil && len(a.text) == 0 {
			a.err = errors.New("no password was given")
		}
		return string(a.text), a.err
	case <-ctx.Done(): // interrupted: the terminal must show again what is typed
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
