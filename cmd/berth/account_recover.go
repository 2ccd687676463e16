package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

// AccountRecoverCmd is `berth account recover`.
type AccountRecoverCmd struct {
	server.Folder
	server.Database
	Account string `arg:"" optional:"" help:"Id of the account; the installation's first account unless given." placeholder:"ID"`
	Profile string `help:"Name of the profile in the credentials file." default:"default" placeholder:"NAME"`
	Replace bool   `help:"Write over a profile of this name."`
}

// Help is the longer text of `berth account recover --help`.
func (c *AccountRecoverCmd) Help() string {
	return `Makes a new access key for the root user of an account, and writes it into the credentials file of the data folder. All keys that the root user had before are gone, wherever they are. It needs no key, but the database: that of a data folder whose server is stopped, or with --db that of a cluster, whose nodes may go on (--data then names any folder for the credentials). The audit says that it happened.`
}

// Run makes the key.
func (c *AccountRecoverCmd) Run(ctx context.Context, cli *CLI) error {
	if err := server.CheckProfile(c.Profile); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	file := c.CredentialsFile()
	if there, err := server.HasProfile(file, c.Profile); err != nil {
		return err
	} else if there && !c.Replace {
		return fmt.Errorf("%s has a profile %q: write over it with --replace, or choose another name with --profile", file, c.Profile)
	}
	account, key, err := c.recover(ctx)
	if errors.Is(err, server.ErrInUse) {
		return fmt.Errorf("%w: stop it first, since with SQLite only one program may write", err)
	}
	if err != nil {
		return err
	}
	saved := server.WriteProfile(file, c.Profile, server.Profile{AccessKeyID: key.ID, SecretAccessKey: key.Secret})
	if cli.Output == "json" {
		told := struct{ AccountId, AccessKeyId, SecretAccessKey, Profile string }{account, key.ID, key.Secret, c.Profile} //nolint:revive,staticcheck // named as AWS names them
		return errors.Join(printJSON(told), saved)
	}
	if saved != nil { // the key is told nowhere else, and never again
		fmt.Printf("The root user of account %s has a new key, but it could not be saved. Access key id: %s; secret access key: %s\n", account, key.ID, key.Secret)
		return saved
	}
	fmt.Printf("The root user of account %s has a new key, and no other: it is profile %q of %s.\n", account, c.Profile, file)
	return nil
}

func (c *AccountRecoverCmd) recover(ctx context.Context) (account string, key *iam.AccessKey, err error) {
	directory, closeAll, err := server.OpenIdentity(ctx, c.Folder, c.Database)
	if err != nil {
		return "", nil, err
	}
	defer closeAll()
	account = c.Account
	if account == "" {
		first, err := directory.FirstAccount(ctx)
		if err != nil {
			return "", nil, err
		}
		account = first.ID
	}
	key, err = directory.RecoverRoot(ctx, account)
	return account, key, err
}
