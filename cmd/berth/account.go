package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

// AccountCmd is `berth account`.
type AccountCmd struct {
	Create      AccountCreateCmd      `cmd:"" help:"Make an account with an administrator, whose access key goes into the credentials file."`
	List        AccountListCmd        `cmd:"" help:"List the accounts."`
	Credentials AccountCredentialsCmd `cmd:"" help:"Print the credentials file of a data folder."`
	Recover     AccountRecoverCmd     `cmd:"" help:"Make a new key for a root user whose keys are lost, on the database itself."`
}

// AccountCreateCmd is `berth account create`.
type AccountCreateCmd struct {
	Target
	server.Database
	Name          string `help:"Name of the account." required:"" placeholder:"NAME"`
	ID            string `name:"id" help:"Its id, twelve digits; random unless given." placeholder:"ID"`
	Profile       string `help:"Name of the profile in the credentials file; the account's name unless given." placeholder:"NAME"`
	Administrator string `help:"Name of the user who may do everything in it." default:"administrator" placeholder:"NAME"`
}

// AccountCredentialsCmd is `berth account credentials`.
type AccountCredentialsCmd struct{ server.Folder }

// Help is the longer text of `berth account credentials --help`.
func (c *AccountCredentialsCmd) Help() string {
	return `Prints the secret access keys that the data folder holds, as the first start and berth account create have written them: for folders that no other program can be run beside, such as that of a container. Keep what it prints where nobody else reads it.`
}

// Run prints the file.
func (c *AccountCredentialsCmd) Run() error {
	text, err := os.ReadFile(c.CredentialsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no credentials: they are in the data folder of the server that started first", c.Data)
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// newAccount is what CreateAccount of berth's own service takes.
type newAccount struct {
	Name          string `json:"name"`
	ID            string `json:"id,omitempty"`
	Administrator string `json:"administrator"`
}

// Run makes the account: on the data folder if no server uses it, else by the running server.
func (c *AccountCreateCmd) Run(ctx context.Context, cli *CLI) error {
	profile, file := c.Profile, c.credentials()
	if profile == "" {
		profile = c.Name
	}
	if err := server.CheckProfile(profile); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	if there, err := server.HasProfile(file, profile); err != nil {
		return err
	} else if there {
		return fmt.Errorf("%s has a profile %q already, whose key would be lost: choose another name with --profile", file, profile)
	}
	account, key, err := c.create(ctx)
	if err != nil {
		return err
	}
	saved := server.WriteProfile(file, profile, server.Profile{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Region: c.region(ctx)})
	if cli.Output == "json" {
		told := struct{ AccountId, Name, Administrator, AccessKeyId, SecretAccessKey, Profile string }{account, c.Name, c.Administrator, key.ID, key.Secret, profile} //nolint:revive,staticcheck // named as AWS names them
		return errors.Join(printJSON(told), saved)
	}
	if saved != nil { // the key is told nowhere else, and never again
		fmt.Printf("Account %s was made, but its key could not be saved. Access key id: %s; secret access key: %s\n", account, key.ID, key.Secret)
		return saved
	}
	fmt.Printf("Account %s (%s) was made. The key of its %s is profile %q of %s:\n\n  aws --profile %s sts get-caller-identity\n", account, c.Name, c.Administrator, profile, file, quote(profile))
	return nil
}

func (c *AccountCreateCmd) create(ctx context.Context) (account string, key *iam.AccessKey, err error) {
	if c.Endpoint == "" || c.printed() {
		account, key, err = c.offline(ctx)
		if !errors.Is(err, server.ErrInUse) && !errors.Is(err, fs.ErrNotExist) {
			return account, key, err
		}
	}
	never := errors.Is(err, fs.ErrNotExist)
	who, err := c.caller(ctx)
	if err == nil {
		account, key, err = createAccount(ctx, who, newAccount{c.Name, c.ID, c.Administrator})
	}
	if err != nil && never {
		err = fmt.Errorf("%w (and no server has ever been started on %s)", err, c.Data)
	}
	return account, key, err
}

// printed reports whether the endpoint that the environment names is only what this data folder's server once printed: then a stopped server is no reason to fail.
func (c *AccountCreateCmd) printed() bool { return c.credentials() == c.CredentialsFile() }

// offline makes the account on the data folder of a stopped server.
func (c *AccountCreateCmd) offline(ctx context.Context) (string, *iam.AccessKey, error) {
	directory, closeAll, err := server.OpenIdentity(ctx, c.Folder, c.Database)
	if err != nil {
		return "", nil, err
	}
	defer closeAll()
	made, key, err := directory.CreateAccount(ctx, iam.NewAccount{ID: c.ID, Name: c.Name, Administrator: c.Administrator})
	if err != nil {
		return "", nil, err
	}
	return made.ID, key, nil
}

// createAccount asks the running server.
func createAccount(ctx context.Context, who caller, n newAccount) (string, *iam.AccessKey, error) {
	var out struct {
		Account   struct{ ID string }
		AccessKey struct{ AccessKeyID, SecretAccessKey string }
	}
	if err := who.call(ctx, "CreateAccount", n, &out); err != nil {
		return "", nil, err
	}
	return out.Account.ID, &iam.AccessKey{ID: out.AccessKey.AccessKeyID, Secret: out.AccessKey.SecretAccessKey}, nil
}

// AccountListCmd is `berth account list`.
type AccountListCmd struct{ Target }

// account is an account as ListAccounts of berth's own service shows it.
type account struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	CreatedAt float64 `json:"createdAt"`
}

// accounts asks the running server, page by page.
func (t *Target) accounts(ctx context.Context) ([]account, error) {
	all := []account{}
	err := pages(ctx, t, "ListAccounts", map[string]any{"maxResults": 1000}, func(page struct{ Accounts []account }) error {
		all = append(all, page.Accounts...)
		return nil
	})
	return all, err
}

// Run lists the accounts of the running server.
func (c *AccountListCmd) Run(ctx context.Context, cli *CLI) error {
	list, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(map[string][]account{"accounts": list})
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, a := range list {
		fmt.Fprintf(w, "%s\t%s\n", a.ID, a.Name)
	}
	return w.Flush()
}
