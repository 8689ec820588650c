"""Steps of the walk: what stands around a service: names, roles, certificates, secrets, log groups."""

import json

from refusals import code_of
from walk import same, until

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})
READS = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def names(walk):
    dns = walk.session.client("route53")
    zone = dns.create_hosted_zone(Name="clients.example", CallerReference="clients",
                                  HostedZoneConfig={"Comment": "of the walk"})
    zone_id = zone["HostedZone"]["Id"]
    same("zones", [one["Name"] for one in dns.list_hosted_zones()["HostedZones"]], ["clients.example."])
    same("by name", dns.list_hosted_zones_by_name(DNSName="clients.example")["HostedZones"][0]["Id"], zone_id)
    same("servers", dns.get_hosted_zone(Id=zone_id)["DelegationSet"], zone["DelegationSet"])
    dns.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id.split("/")[-1],
                                 AddTags=[{"Key": "clients", "Value": "yes"}])
    tags = dns.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id.split("/")[-1])
    same("tags", tags["ResourceTagSet"]["Tags"], [{"Key": "clients", "Value": "yes"}])
    www = {"Name": "www.clients.example", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    star = {"Name": "*.clients.example", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": "\"a & <b>\""}]}
    alias = {"Name": "clients.example", "Type": "A", "AliasTarget": {
        "HostedZoneId": zone_id.split("/")[-1], "DNSName": "www.clients.example", "EvaluateTargetHealth": False}}

    def change(action, *sets):
        changes = [{"Action": action, "ResourceRecordSet": one} for one in sets]
        return dns.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})["ChangeInfo"]

    made = change("CREATE", www, star, alias)
    until("the change", lambda: dns.get_change(Id=made["Id"])["ChangeInfo"]["Status"], "INSYNC")
    pages = dns.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone_id, PaginationConfig={"PageSize": 2})
    sets = [one for page in pages for one in page["ResourceRecordSets"]]
    same("types", [one["Type"] for one in sets], ["A", "NS", "SOA", "TXT", "A"])
    same("a text", sets[3], {**star, "Name": "\\052.clients.example."})
    same("twice", code_of(lambda: change("CREATE", www)), "InvalidChangeBatch")
    same("other", code_of(lambda: change("DELETE", {**www, "TTL": 61})), "InvalidChangeBatch")
    same("not empty", code_of(lambda: dns.delete_hosted_zone(Id=zone_id)), "HostedZoneNotEmpty")
    change("DELETE", sets[0], sets[3], sets[4])
    dns.delete_hosted_zone(Id=zone_id)
    same("gone", code_of(lambda: dns.get_hosted_zone(Id=zone_id)), "NoSuchHostedZone")


def roles(walk):
    iam = walk.session.client("iam")
    role = iam.create_role(RoleName="clients", AssumeRolePolicyDocument=TRUST, Description="of the walk",
                           Tags=[{"Key": "clients", "Value": "yes"}])["Role"]
    same("the trust", role["AssumeRolePolicyDocument"], json.loads(TRUST))
    iam.attach_role_policy(RoleName="clients", PolicyArn=MANAGED)
    iam.put_role_policy(RoleName="clients", PolicyName="reads", PolicyDocument=READS)
    same("inline", iam.get_role_policy(RoleName="clients", PolicyName="reads")["PolicyDocument"], json.loads(READS))
    same("names", iam.list_role_policies(RoleName="clients")["PolicyNames"], ["reads"])
    iam.update_role(RoleName="clients", Description="still", MaxSessionDuration=7200)
    iam.update_assume_role_policy(RoleName="clients", PolicyDocument=TRUST)
    iam.put_role_permissions_boundary(RoleName="clients", PermissionsBoundary=MANAGED)
    iam.tag_role(RoleName="clients", Tags=[{"Key": "a", "Value": "b"}])
    iam.untag_role(RoleName="clients", TagKeys=["clients"])
    same("tags", iam.list_role_tags(RoleName="clients")["Tags"], [{"Key": "a", "Value": "b"}])
    same("session", iam.get_role(RoleName="clients")["Role"]["MaxSessionDuration"], 7200)
    same("roles", [one["RoleName"] for one in iam.list_roles()["Roles"]], ["clients"])
    iam.create_instance_profile(InstanceProfileName="clients", Tags=[{"Key": "a", "Value": "b"}])
    iam.add_role_to_instance_profile(InstanceProfileName="clients", RoleName="clients")
    iam.tag_instance_profile(InstanceProfileName="clients", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_instance_profile(InstanceProfileName="clients", TagKeys=["a"])
    same("its tags", iam.list_instance_profile_tags(InstanceProfileName="clients")["Tags"], [{"Key": "c", "Value": "d"}])
    shown = iam.get_instance_profile(InstanceProfileName="clients")["InstanceProfile"]
    same("its role", [one["Arn"] for one in shown["Roles"]], [role["Arn"]])
    same("profiles", len(iam.list_instance_profiles()["InstanceProfiles"]), 1)
    same("of the role", len(iam.list_instance_profiles_for_role(RoleName="clients")["InstanceProfiles"]), 1)
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"][0]
    same("details", (details["RolePolicyList"][0]["PolicyDocument"], len(details["InstanceProfileList"])),
         (json.loads(READS), 1))
    same("in use", code_of(lambda: iam.delete_role(RoleName="clients")), "DeleteConflict")
    iam.remove_role_from_instance_profile(InstanceProfileName="clients", RoleName="clients")
    iam.delete_instance_profile(InstanceProfileName="clients")
    iam.delete_role_permissions_boundary(RoleName="clients")
    iam.delete_role_policy(RoleName="clients", PolicyName="reads")
    same("attached", len(iam.list_attached_role_policies(RoleName="clients")["AttachedPolicies"]), 1)
    iam.detach_role_policy(RoleName="clients", PolicyArn=MANAGED)
    iam.delete_role(RoleName="clients")
    same("gone", code_of(lambda: iam.get_role(RoleName="clients")), "NoSuchEntity")


def kept(walk):
    acm, ecr, logs = (walk.session.client(name) for name in ("acm", "ecr", "logs"))
    secrets, ssm, ec2 = walk.session.client("secretsmanager"), walk.ssm, walk.ec2
    arn = acm.request_certificate(DomainName="clients.example", SubjectAlternativeNames=["*.clients.example"])
    arn = arn["CertificateArn"]
    same("issued", acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"], "ISSUED")
    same("listed", [one["CertificateArn"] for one in acm.list_certificates()["CertificateSummaryList"]], [arn])
    same("no tags", acm.list_tags_for_certificate(CertificateArn=arn)["Tags"], [])
    acm.delete_certificate(CertificateArn=arn)

    image = {"repositoryName": "bgform-hello", "imageIds": [{"imageTag": "1.0"}]}
    found = ecr.describe_images(**image)["imageDetails"]
    same("image", (len(found), found[0]["imageTags"]), (1, ["1.0"]))
    ecr.list_images(repositoryName="bgform-hello")
    same("repository", ecr.describe_repositories(repositoryNames=["bgform-hello"])["repositories"][0]["repositoryName"],
         "bgform-hello")
    same("no such", code_of(lambda: ecr.describe_images(repositoryName="nobody")), "RepositoryNotFoundException")

    logs.create_log_group(logGroupName="/clients/web", tags={"clients": "yes"}, kmsKeyId="arn:aws:kms:::key/1")
    logs.put_retention_policy(logGroupName="/clients/web", retentionInDays=14)
    same("no such days", code_of(lambda: logs.put_retention_policy(logGroupName="/clients/web", retentionInDays=2)),
         "InvalidParameterException")
    group = logs.describe_log_groups(logGroupNamePrefix="/clients")["logGroups"][0]
    same("retention", group["retentionInDays"], 14)
    logs.tag_resource(resourceArn=group["logGroupArn"], tags={"a": "b"})
    logs.untag_resource(resourceArn=group["logGroupArn"], tagKeys=["clients"])
    same("tags", logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"], {"a": "b"})
    logs.delete_retention_policy(logGroupName="/clients/web")
    logs.disassociate_kms_key(logGroupName="/clients/web")
    logs.associate_kms_key(logGroupName="/clients/web", kmsKeyId="arn:aws:kms:::key/2")
    logs.put_log_group_deletion_protection(logGroupIdentifier="/clients/web", deletionProtectionEnabled=True)
    same("protected", code_of(lambda: logs.delete_log_group(logGroupName="/clients/web")), "ValidationException")
    logs.put_log_group_deletion_protection(logGroupIdentifier="/clients/web", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="/clients/web")

    made = secrets.create_secret(Name="clients", SecretString="one", Tags=[{"Key": "clients", "Value": "yes"}])
    secrets.put_secret_value(SecretId=made["ARN"], SecretString="two")
    same("current", secrets.get_secret_value(SecretId="clients")["SecretString"], "two")
    previous = secrets.get_secret_value(SecretId="clients", VersionStage="AWSPREVIOUS")
    same("previous", (previous["SecretString"], previous["VersionId"]), ("one", made["VersionId"]))
    secrets.tag_resource(SecretId="clients", Tags=[{"Key": "a", "Value": "b"}])
    secrets.untag_resource(SecretId="clients", TagKeys=["clients"])
    same("tags", secrets.describe_secret(SecretId="clients")["Tags"], [{"Key": "a", "Value": "b"}])
    same("listed", [one["Name"] for one in secrets.list_secrets()["SecretList"]], ["clients"])
    secrets.delete_secret(SecretId="clients")
    same("deleted", code_of(lambda: secrets.get_secret_value(SecretId="clients")), "InvalidRequestException")

    ssm.put_parameter(Name="/clients/secret", Value="hidden", Type="SecureString")
    same("encrypted", ssm.get_parameter(Name="/clients/secret")["Parameter"]["Value"] == "hidden", False)
    opened = ssm.get_parameter(Name="/clients/secret", WithDecryption=True)["Parameter"]
    same("decrypted", opened["Value"], "hidden")
    ssm.delete_parameter(Name="/clients/secret")

    pair = ec2.create_key_pair(KeyName="clients")
    same("taken", code_of(lambda: ec2.import_key_pair(KeyName="clients", PublicKeyMaterial=b"x")), "InvalidKeyPair.Duplicate")
    same("pairs", [one["KeyPairId"] for one in ec2.describe_key_pairs()["KeyPairs"]], [pair["KeyPairId"]])
    ec2.delete_key_pair(KeyName="clients")
    address = ec2.allocate_address(Domain="vpc")
    same("addresses", [one["PublicIp"] for one in ec2.describe_addresses()["Addresses"]], [address["PublicIp"]])
    ec2.release_address(AllocationId=address["AllocationId"])
    same("released", code_of(lambda: ec2.release_address(AllocationId=address["AllocationId"])),
         "InvalidAllocationID.NotFound")
