package iam

import "context"

// HasNone authorises a list of what no user of berth has, such as MFA devices: whoever may ask hears that the user is there and has none. "" is the caller
// itself. Faults: NoSuchEntity.
func (d *Directory) HasNone(ctx context.Context, action, userName string) error {
	_, err := d.reachKeys(ctx, action, userName)
	return err
}

// AccountHasNone authorises a list of what no account of berth has, such as server certificates.
func (d *Directory) AccountHasNone(ctx context.Context, action string) error {
	return d.Authorize(ctx, action, &Resource{ARN: "*"})
}
