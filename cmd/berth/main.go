// Command berth is a container registry that behaves as Amazon ECR does, for many accounts and regions, on your own machines.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities, where the system has none: in an image that holds only the program
)

// CLI is the command line; each command is in a file of its own.
type CLI struct {
	Config kong.ConfigFlag `help:"Read flags from a YAML or JSON file: the names of flags with their values." type:"existingfile" env:"BERTH_CONFIG" placeholder:"FILE"`
	Output string          `help:"Form of what commands print: ${enum}." enum:"text,json" default:"text" env:"BERTH_OUTPUT"`

	Serve          ServeCmd          `cmd:"" help:"Serve the registry."`
	Quickstart     QuickstartCmd     `cmd:"" help:"Show the whole story on a server of its own: push, share, pull, refuse."`
	Account        AccountCmd        `cmd:"" help:"Make and list accounts."`
	GC             GCCmd             `cmd:"" name:"gc" help:"Look at the collection of garbage, which goes on by itself."`
	Profile        ProfileCmd        `cmd:"" help:"Capture where the time or the memory of a running server goes."`
	Health         HealthCmd         `cmd:"" help:"Ask a running server whether it is ready."`
	Fsck           FsckCmd           `cmd:"" help:"Look whether everything that is kept is whole, beside running servers."`
	Backup         BackupCmd         `cmd:"" help:"Copy a whole installation, while it serves, to a folder or a bucket."`
	Restore        RestoreCmd        `cmd:"" help:"Make an installation of a backup."`
	Migrate        MigrateCmd        `cmd:"" help:"Move an installation to another database and another store for layers."`
	Service        ServiceCmd        `cmd:"" help:"Make, list and delete service principals, and their credentials."`
	Repository     RepositoryCmd     `cmd:"" help:"List repositories, and find them by their tags."`
	Image          ImageCmd          `cmd:"" help:"List and show images with what belongs to them."`
	SigningProfile SigningProfileCmd `cmd:"" help:"Make, list and delete profiles whose keys sign images."`
	Hosts          HostsCmd          `cmd:"" help:"Print the names of the registries for /etc/hosts or a DNS zone."`
	Login          LoginCmd          `cmd:"" help:"Sign in with the password of a user, for temporary credentials."`
	Explain        ExplainCmd        `cmd:"" help:"Say why a request was denied or allowed, and what would allow it."`
	WhoCan         WhoCanCmd         `cmd:"" help:"List who can do something, and through what."`
	Audit          AuditCmd          `cmd:"" help:"Print who did what, and why it was allowed or not."`
	Lifecycle      LifecycleCmd      `cmd:"" help:"Look ahead at what lifecycle policies do, and keep them from what is recent."`
	Inventory      InventoryCmd      `cmd:"" help:"Report which images workloads use, so that no lifecycle policy touches them."`
	Policy         PolicyCmd         `cmd:"" help:"Check policies, and ask what they decide."`
	Version        VersionCmd        `cmd:"" help:"Print the version of this program."`
}

func main() {
	if len(os.Args) == 1 {
		os.Args = append(os.Args, "--help")
	}
	var cli CLI
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	k := kong.Parse(&cli, options(ctx)...)
	if err := k.Run(&cli); err != nil {
		fmt.Fprintln(os.Stderr, "berth:", err)
		var with exit
		if errors.As(err, &with) {
			os.Exit(with.code)
		}
		os.Exit(1)
	}
}

// options are how the command line is read.
func options(ctx context.Context) []kong.Option {
	return []kong.Option{
		kong.Name("berth"),
		kong.Description("A self-hosted container registry that behaves as Amazon ECR does, with IAM that is enforced."),
		kong.Configuration(readConfig),
		spans(),
		kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	}
}

// exit is an error with a status of its own for the program to end with.
type exit struct {
	code int
	error
}
