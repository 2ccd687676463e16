package policy

import "strings"

// PrincipalValue answers the condition keys that follow from who calls, and nothing else (IAMP-1.1, IAMP-1.2): aws:PrincipalArn, aws:PrincipalAccount,
// aws:PrincipalType, aws:userid, aws:username, aws:PrincipalIsAWSService, aws:PrincipalServiceName and aws:PrincipalServiceNamesList. key is in lower
// case, as for Context. ok is false for any other key, tags and organization of the principal included: they are not in it. It allocates nothing.
func PrincipalValue(p *Principal, key string) (value Value, ok bool) {
	text := ""
	switch key {
	case "aws:principalarn":
		switch p.Type {
		case Root, User, FederatedUser:
			text = p.ARN
		case AssumedRole:
			text = p.RoleARN
		}
	case "aws:principalaccount":
		if text = p.Account; p.Type == Anonymous {
			text = "anonymous"
		}
	case "aws:principaltype":
		switch p.Type {
		case Root:
			text = "Account"
		case User:
			text = "User"
		case AssumedRole:
			text = "AssumedRole"
		case FederatedUser:
			text = "FederatedUser"
		case Anonymous:
			text = "Anonymous"
		}
	case "aws:userid":
		switch p.Type {
		case Root:
			text = p.Account
		case User:
			text = p.ID
		case AssumedRole, FederatedUser:
			text = p.UserID
		case Anonymous:
			text = "anonymous"
		}
	case "aws:username":
		if p.Type == User {
			text = p.ARN[strings.LastIndexByte(p.ARN, '/')+1:] // without the path
		}
	case "aws:principalisawsservice": // of signed requests
		switch p.Type {
		case Service:
			text = "true"
		case Root, User, AssumedRole, FederatedUser:
			text = "false"
		}
	case "aws:principalservicename":
		if p.Type == Service {
			text = p.ARN
		}
	case "aws:principalservicenameslist":
		if p.Type == Service && len(p.ServiceNames) > 0 {
			return Value{Present: true, Multi: true, Many: p.ServiceNames}, true
		}
	default:
		return Value{}, false
	}
	return Value{Present: text != "", One: text}, true
}
