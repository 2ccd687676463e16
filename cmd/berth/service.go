package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// ServiceCmd is `berth service`.
type ServiceCmd struct {
	Create  ServiceCreateCmd  `cmd:"" help:"Register a service principal, such as codebuild.amazonaws.com, and print its access key."`
	List    ServiceListCmd    `cmd:"" help:"List the service principals and their access keys."`
	Delete  ServiceDeleteCmd  `cmd:"" help:"Delete a service principal: its keys, sessions and registry passwords end."`
	Session ServiceSessionCmd `cmd:"" help:"Print temporary credentials of a service that act for one source."`
	Key     ServiceKeyCmd     `cmd:"" help:"Make and delete access keys of a service, to replace one while it runs."`
}

// serviceKey is an access key of a service as berth's own service shows it; the secret only when it is made.
type serviceKey struct {
	AccessKeyID     string  `json:"accessKeyId"`
	SecretAccessKey string  `json:"secretAccessKey,omitempty"`
	CreatedAt       float64 `json:"createdAt,omitempty"`
}

// tell prints a new key, which is told nowhere else and never again.
func (k *serviceKey) tell(cli *CLI, service, how string) error {
	if cli.Output == "json" {
		told := struct{ Service, AccessKeyId, SecretAccessKey string }{service, k.AccessKeyID, k.SecretAccessKey} //nolint:revive,staticcheck // named as AWS names them
		return printJSON(told)
	}
	fmt.Printf("%s Its access key is shown only here:\n\n  aws_access_key_id = %s\n  aws_secret_access_key = %s\n", how, k.AccessKeyID, k.SecretAccessKey)
	return nil
}

// ServiceCreateCmd is `berth service create`.
type ServiceCreateCmd struct {
	Target
	Name string `arg:"" help:"Name of the service principal." placeholder:"NAME"`
}

// Run registers the service at the running server.
func (c *ServiceCreateCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct{ AccessKey serviceKey }
	if err := c.call(ctx, "CreateService", map[string]string{"name": c.Name}, &out); err != nil {
		return err
	}
	return out.AccessKey.tell(cli, c.Name, "The service "+c.Name+" was registered.")
}

// ServiceListCmd is `berth service list`.
type ServiceListCmd struct{ Target }

// Run lists the services of the running server, page after page.
func (c *ServiceListCmd) Run(ctx context.Context, cli *CLI) error {
	type service struct {
		Name       string       `json:"name"`
		CreatedAt  float64      `json:"createdAt"`
		AccessKeys []serviceKey `json:"accessKeys"`
	}
	list := []service{}
	err := pages(ctx, &c.Target, "ListServices", map[string]any{}, func(page struct{ Services []service }) error {
		list = append(list, page.Services...)
		return nil
	})
	if err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(map[string][]service{"services": list})
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, s := range list {
		fmt.Fprint(w, s.Name)
		for _, k := range s.AccessKeys {
			fmt.Fprintf(w, "\t%s", k.AccessKeyID)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// ServiceDeleteCmd is `berth service delete`.
type ServiceDeleteCmd struct {
	Target
	Name string `arg:"" help:"Name of the service principal." placeholder:"NAME"`
}

// Run deletes the service at the running server.
func (c *ServiceDeleteCmd) Run(ctx context.Context, _ *CLI) error {
	return c.call(ctx, "DeleteService", map[string]string{"name": c.Name}, &struct{}{})
}

// ServiceKeyCmd is `berth service key`.
type ServiceKeyCmd struct {
	Create ServiceKeyCreateCmd `cmd:"" help:"Make another access key for a service, of at most two, and print it."`
	Delete ServiceKeyDeleteCmd `cmd:"" help:"Delete an access key of a service."`
}

// ServiceKeyCreateCmd is `berth service key create`.
type ServiceKeyCreateCmd struct {
	Target
	Name string `arg:"" help:"Name of the service principal." placeholder:"NAME"`
}

// Run makes the key at the running server.
func (c *ServiceKeyCreateCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct{ AccessKey serviceKey }
	if err := c.call(ctx, "CreateServiceKey", map[string]string{"name": c.Name}, &out); err != nil {
		return err
	}
	return out.AccessKey.tell(cli, c.Name, "The service "+c.Name+" has another access key.")
}

// ServiceKeyDeleteCmd is `berth service key delete`.
type ServiceKeyDeleteCmd struct {
	Target
	Name string `arg:"" help:"Name of the service principal." placeholder:"NAME"`
	Key  string `arg:"" help:"Id of the access key." placeholder:"ACCESS-KEY-ID"`
}

// Run deletes the key at the running server.
func (c *ServiceKeyDeleteCmd) Run(ctx context.Context, _ *CLI) error {
	return c.call(ctx, "DeleteServiceKey", map[string]string{"name": c.Name, "accessKeyId": c.Key}, &struct{}{})
}

// ServiceSessionCmd is `berth service session`.
type ServiceSessionCmd struct {
	Target
	Name          string        `arg:"" help:"Name of the service principal." placeholder:"NAME"`
	SourceARN     string        `name:"source-arn" help:"The resource that the service acts for: aws:SourceArn." placeholder:"ARN"`
	SourceAccount string        `help:"The account that it acts for: aws:SourceAccount; that of the resource unless given." placeholder:"ID"`
	Duration      time.Duration `help:"How long the credentials are good." default:"1h"`
}

// Run prints credentials from the running server: lines for a shell, or with --output json what a credential_process of an AWS profile has to print. The
// caller is an operator, or the service itself with its access key.
func (c *ServiceSessionCmd) Run(ctx context.Context, cli *CLI) error {
	in := map[string]any{"name": c.Name, "durationSeconds": int(c.Duration / time.Second)}
	if c.SourceARN != "" {
		in["sourceArn"] = c.SourceARN
	}
	if c.SourceAccount != "" {
		in["sourceAccount"] = c.SourceAccount
	}
	var out struct {
		AccessKeyID, SecretAccessKey, SessionToken string
		Expiration                                 float64
	}
	if err := c.call(ctx, "GetServiceSession", in, &out); err != nil {
		return err
	}
	expires := time.Unix(int64(out.Expiration), 0).UTC().Format(time.RFC3339)
	if cli.Output == "json" {
		return printJSON(struct {
			Version                                                int
			AccessKeyId, SecretAccessKey, SessionToken, Expiration string //nolint:revive,staticcheck // named as AWS names them
		}{1, out.AccessKeyID, out.SecretAccessKey, out.SessionToken, expires})
	}
	fmt.Printf("# Good until %s. With --output json this command is a credential_process.\n", expires)
	fmt.Printf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_SESSION_TOKEN=%s\n", out.AccessKeyID, out.SecretAccessKey, out.SessionToken)
	return nil
}
