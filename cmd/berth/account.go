package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

// AccountCmd is `berth account`.
type AccountCmd struct {
	Create AccountCreateCmd `cmd:"" help:"Make an account with an administrator, whose access key goes into the credentials file."`
	List   AccountListCmd   `cmd:"" help:"List the accounts."`
}

// AccountCreateCmd is `berth account create`.
type AccountCreateCmd struct {
	Target
	Name          string `help:"Name of the account." required:""`
	ID            string `name:"id" help:"Its id, twelve digits; random unless given."`
	Profile       string `help:"Name of the profile in the credentials file; the account's name unless given."`
	Administrator string `help:"Name of the user who may do everything in it." default:"administrator"`
	Database      string `name:"db" help:"Database of a stopped server, as serve has it." env:"BERTH_DB" placeholder:"DSN"`
}

// Run makes the account: on the data folder if no server uses it, else by the running server.
func (c *AccountCreateCmd) Run(ctx context.Context, cli *CLI) error {
	account, key, err := c.create(ctx)
	if err != nil {
		return err
	}
	profile := c.Profile
	if profile == "" {
		profile = c.Name
	}
	file := c.credentials()
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = "us-east-1"
	}
	saved := server.WriteProfile(file, profile, server.Profile{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Region: region})
	if cli.Output == "json" {
		text, err := json.MarshalIndent(map[string]string{"AccountId": account, "Name": c.Name, "AccessKeyId": key.ID, "SecretAccessKey": key.Secret, "Profile": profile}, "", "    ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
		return saved
	}
	if saved != nil { // the key is told nowhere else, and never again
		fmt.Printf("Account %s was made, but its key could not be saved. Access key id: %s; secret access key: %s\n", account, key.ID, key.Secret)
		return saved
	}
	fmt.Printf("Account %s (%s) was made. The key of its %s is profile %q of %s:\n\n  aws --profile %s sts get-caller-identity\n", account, c.Name, c.Administrator, profile, file, profile)
	return nil
}

func (c *AccountCreateCmd) create(ctx context.Context) (account string, key *iam.AccessKey, err error) {
	s, err := c.stopped(ctx)
	if err == nil {
		defer s.Close()
		made, key, err := s.Identity().CreateAccount(ctx, iam.NewAccount{ID: c.ID, Name: c.Name, Administrator: c.Administrator})
		if err != nil {
			return "", nil, err
		}
		return made.ID, key, nil
	}
	if !errors.Is(err, errRunning) {
		return "", nil, err
	}
	in := map[string]string{"name": c.Name, "administrator": c.Administrator}
	if c.ID != "" {
		in["id"] = c.ID
	}
	var out struct {
		Account   struct{ ID, Name string }
		AccessKey struct{ AccessKeyID, SecretAccessKey string }
	}
	if err := c.call(ctx, "CreateAccount", in, &out); err != nil {
		return "", nil, err
	}
	return out.Account.ID, &iam.AccessKey{ID: out.AccessKey.AccessKeyID, Secret: out.AccessKey.SecretAccessKey}, nil
}

// errRunning says that the installation is to be asked through its server.
var errRunning = errors.New("the server is running")

// stopped opens the data folder, if there is one that no server uses and no endpoint was named.
func (c *AccountCreateCmd) stopped(ctx context.Context) (*server.Server, error) {
	if _, err := os.Stat(c.Data); err != nil || c.Endpoint != "" && !c.ours() {
		return nil, errRunning
	}
	s, err := server.Open(ctx, server.Config{Data: c.Data, DB: c.Database, Listen: []string{"127.0.0.1:0"}, Regions: []string{"us-east-1"}}, server.Options{})
	if errors.Is(err, server.ErrInUse) {
		return nil, errRunning
	}
	return s, err
}

// ours reports whether the endpoint that the environment names is only what this data folder's server once printed: then a stopped server is no reason to fail.
func (c *AccountCreateCmd) ours() bool {
	return c.credentials() == (&server.Config{Data: c.Data}).CredentialsFile()
}

// AccountListCmd is `berth account list`.
type AccountListCmd struct{ Target }

// Run lists the accounts of the running server.
func (c *AccountListCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct {
		Accounts []struct {
			ID        string  `json:"id"`
			Name      string  `json:"name"`
			CreatedAt float64 `json:"createdAt"`
		} `json:"accounts"`
	}
	if err := c.call(ctx, "ListAccounts", struct{}{}, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, a := range out.Accounts {
		fmt.Fprintf(w, "%s\t%s\n", a.ID, a.Name)
	}
	return w.Flush()
}
