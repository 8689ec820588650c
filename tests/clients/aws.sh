#!/usr/bin/env bash
# The life of an estate by the AWS CLI, with commands that a person checking would type.
#
#   aws.sh ENDPOINT
#
# Needs `aws` on PATH (tests/moto puts one in target/moto/bin), curl, and an endpoint with nothing in
# it but what an account begins with. Stops at the first command that fails, and says which.
set -euo pipefail
export AWS_ENDPOINT_URL=$1 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_PAGER= AWS_CONFIG_FILE=/dev/null
export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_DEFAULT_OUTPUT=text

step=beginning
fail() {
  echo "aws.sh: failed at: $step (line $1)" >&2
  exit 1
}
trap 'fail $LINENO' ERR
say() {
  step=$1
  echo "- $step"
}
same() {
  if [ "$1" != "$2" ]; then
    echo "aws.sh: failed at: $step: '$1' is not '$2'" >&2
    exit 1
  fi
}
# Asks until the answer is the wanted one, at most 90 s: until_is WANTED COMMAND...
until_is() {
  local wanted=$1 found=
  shift
  for _ in $(seq 180); do
    found=$("$@" 2>&1) || true
    [ "$found" = "$wanted" ] && return
    sleep 0.5
  done
  echo "aws.sh: failed at: $step: '$found' is not '$wanted' after 90 s" >&2
  exit 1
}
# Expects a call to be refused with a code: refused CODE COMMAND...
refused() {
  local code=$1 found
  shift
  if found=$("$@" 2>&1); then
    echo "aws.sh: failed at: $step: '$*' was not refused" >&2
    exit 1
  fi
  if [[ "$found" != *"($code)"* ]]; then
    echo "aws.sh: failed at: $step: not refused with $code: $found" >&2
    exit 1
  fi
}

say "who and where"
same "$(aws sts get-caller-identity --query 'length(Account)')" 12
vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId')
read -r one two _ <<<"$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[].SubnetId')"
image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=bgform-hello-*' \
  --query 'sort_by(Images, &CreationDate)[-1].ImageId')

say "a security group"
group=$(aws ec2 create-security-group --group-name cli-web --description web --vpc-id "$vpc" --query GroupId)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
same "$(aws ec2 describe-security-groups --group-names cli-web \
  --query 'SecurityGroups[0].IpPermissions[0].FromPort')" 80
refused InvalidPermission.Duplicate aws ec2 authorize-security-group-ingress --group-id "$group" \
  --protocol tcp --port 80 --cidr 0.0.0.0/0

say "an instance"
refused DryRunOperation aws ec2 run-instances --image-id "$image" --instance-type t3.micro --dry-run
instance=$(aws ec2 run-instances --image-id "$image" --instance-type t3.micro --subnet-id "$one" \
  --security-group-ids "$group" --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=cli}]' \
  --query 'Instances[0].InstanceId')
aws ec2 wait instance-running --instance-ids "$instance"
same "$(aws ec2 describe-instances --filters Name=tag:Name,Values=cli Name=instance-state-name,Values=running \
  --query 'Reservations[].Instances[].InstanceId')" "$instance"
aws ec2 get-console-output --instance-id "$instance" >/dev/null

say "a command on it"
until_is Online aws ssm describe-instance-information --filters "Key=InstanceIds,Values=$instance" \
  --query 'InstanceInformationList[0].PingStatus'
command=$(aws ssm send-command --instance-ids "$instance" --document-name AWS-RunShellScript \
  --parameters 'commands=["echo one","echo two"]' --query Command.CommandId)
aws ssm wait command-executed --command-id "$command" --instance-id "$instance"
same "$(aws ssm get-command-invocation --command-id "$command" --instance-id "$instance" \
  --query StandardOutputContent)" $'one\ntwo'

say "an alarm"
aws cloudwatch put-metric-alarm --alarm-name cli-errors --namespace Cli --metric-name Errors --statistic Sum \
  --period 60 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold
same "$(aws cloudwatch describe-alarms --alarm-names cli-errors --query 'MetricAlarms[].StateValue')" \
  INSUFFICIENT_DATA
aws cloudwatch put-metric-data --namespace Cli --metric-name Errors --value 3 --unit Count
same "$(aws cloudwatch list-metrics --namespace Cli --query 'Metrics[].MetricName')" Errors

say "an image of it"
made=$(aws ec2 create-image --instance-id "$instance" --name cli-image --query ImageId)
aws ec2 wait image-available --image-ids "$made"
refused InvalidAMIName.Duplicate aws ec2 create-image --instance-id "$instance" --name cli-image

say "stop and start"
aws ec2 stop-instances --instance-ids "$instance" >/dev/null
aws ec2 wait instance-stopped --instance-ids "$instance"
aws ec2 start-instances --instance-ids "$instance" >/dev/null
aws ec2 wait instance-running --instance-ids "$instance"

say "a load balancer"
balancer=$(aws elbv2 create-load-balancer --name cli-lb --subnets "$one" "$two" --security-groups "$group" \
  --query 'LoadBalancers[0].LoadBalancerArn')
targets=$(aws elbv2 create-target-group --name cli-blue --protocol HTTP --port 8080 --vpc-id "$vpc" \
  --health-check-path /healthz --health-check-interval-seconds 5 --health-check-timeout-seconds 2 \
  --healthy-threshold-count 2 --query 'TargetGroups[0].TargetGroupArn')
aws elbv2 modify-target-group-attributes --target-group-arn "$targets" \
  --attributes Key=deregistration_delay.timeout_seconds,Value=1 >/dev/null
aws elbv2 register-targets --target-group-arn "$targets" --targets "Id=$instance"
same "$(aws elbv2 describe-target-health --target-group-arn "$targets" \
  --query 'TargetHealthDescriptions[0].TargetHealth.[State,Reason]')" $'unused\tTarget.NotInUse'
until_is active aws elbv2 describe-load-balancers --names cli-lb --query 'LoadBalancers[0].State.Code'
listener=$(aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port 80 \
  --default-actions "Type=forward,TargetGroupArn=$targets" --query 'Listeners[0].ListenerArn')
rule=$(aws elbv2 create-rule --listener-arn "$listener" --priority 5 --query 'Rules[0].RuleArn' \
  --conditions Field=path-pattern,Values=/gone \
  --actions 'Type=fixed-response,FixedResponseConfig={StatusCode=410,ContentType=text/plain,MessageBody=gone}')
until_is healthy aws elbv2 describe-target-health --target-group-arn "$targets" \
  --query 'TargetHealthDescriptions[].TargetHealth.State'

say "requests through it"
address=$(aws elbv2 describe-load-balancers --names cli-lb --query 'LoadBalancers[0].DNSName')
until_is 200 curl -s -o /dev/null -w '%{http_code}' "http://$address/"
same "$(curl -s -w ' %{http_code}' "http://$address/gone")" "gone 410"
refused ResourceInUse aws elbv2 delete-target-group --target-group-arn "$targets"

say "a fleet behind it"
aws ec2 create-launch-template --launch-template-name cli-web --launch-template-data \
  "{\"ImageId\":\"$made\",\"InstanceType\":\"t3.micro\",\"SecurityGroupIds\":[\"$group\"]}" >/dev/null
aws autoscaling create-auto-scaling-group --auto-scaling-group-name cli-asg --min-size 0 --max-size 3 \
  --desired-capacity 2 --launch-template LaunchTemplateName=cli-web,Version=1 \
  --vpc-zone-identifier "$one,$two" --target-group-arns "$targets" --health-check-type ELB \
  --health-check-grace-period 60
until_is 2 aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names cli-asg \
  --query 'length(AutoScalingGroups[0].Instances[?LifecycleState==`InService`])'
aws elbv2 deregister-targets --target-group-arn "$targets" --targets "Id=$instance"
until_is $'healthy\thealthy' aws elbv2 describe-target-health --target-group-arn "$targets" \
  --query 'TargetHealthDescriptions[].TargetHealth.State'
same "$(curl -s -o /dev/null -w '%{http_code}' "http://$address/")" 200

say "a service of containers"
ip=$(aws elbv2 create-target-group --name cli-ip --protocol HTTP --port 8080 --vpc-id "$vpc" --target-type ip \
  --health-check-path /healthz --health-check-interval-seconds 5 --health-check-timeout-seconds 2 \
  --healthy-threshold-count 2 --query 'TargetGroups[0].TargetGroupArn')
aws elbv2 modify-target-group-attributes --target-group-arn "$ip" \
  --attributes Key=deregistration_delay.timeout_seconds,Value=1 >/dev/null
shipped=$(aws elbv2 create-rule --listener-arn "$listener" --priority 50 \
  --conditions Field=query-string,QueryStringConfig='{Values=[{Key=ecs,Value=1}]}' \
  --actions "Type=forward,TargetGroupArn=$ip" --query 'Rules[0].RuleArn')
aws ecs create-cluster --cluster-name cli >/dev/null
for release in 1.0 2.0; do
  aws ecs register-task-definition --family cli-web --network-mode awsvpc --requires-compatibilities FARGATE \
    --cpu 256 --memory 512 --container-definitions \
    "[{\"name\":\"web\",\"image\":\"bgform-hello:$release\",\"portMappings\":[{\"containerPort\":8080}]}]" >/dev/null
done
aws ecs create-service --cluster cli --service-name web --task-definition cli-web:1 --desired-count 2 \
  --launch-type FARGATE --network-configuration "awsvpcConfiguration={subnets=[$one,$two]}" \
  --load-balancers "targetGroupArn=$ip,containerName=web,containerPort=8080" >/dev/null
aws ecs wait services-stable --cluster cli --services web
until_is $'healthy\thealthy' aws elbv2 describe-target-health --target-group-arn "$ip" \
  --query 'TargetHealthDescriptions[].TargetHealth.State'
same "$(curl -s -D - -o /dev/null "http://$address/?ecs=1" | tr -d '\r' | sed -n 's/^x-release: //p')" 1.0
aws ecs update-service --cluster cli --service web --task-definition cli-web:2 >/dev/null
aws ecs wait services-stable --cluster cli --services web
same "$(curl -s -D - -o /dev/null "http://$address/?ecs=1" | tr -d '\r' | sed -n 's/^x-release: //p')" 2.0
refused InvalidParameterException aws ecs delete-service --cluster cli --service web
aws ecs delete-service --cluster cli --service web --force >/dev/null
aws ecs wait services-inactive --cluster cli --services web
aws elbv2 delete-rule --rule-arn "$shipped"
aws elbv2 delete-target-group --target-group-arn "$ip"
same "$(aws ecs delete-cluster --cluster cli --query cluster.status)" INACTIVE

say "what the alarm saw"
until_is 1 aws cloudwatch describe-alarm-history --alarm-name cli-errors --history-item-type StateUpdate \
  --query 'length(AlarmHistoryItems[?HistorySummary==`Alarm updated from INSUFFICIENT_DATA to ALARM`])'
aws cloudwatch delete-alarms --alarm-names cli-errors

say "the end of it"
aws elbv2 delete-rule --rule-arn "$rule"
aws elbv2 delete-listener --listener-arn "$listener"
aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
aws elbv2 wait load-balancers-deleted --load-balancer-arns "$balancer"
aws autoscaling delete-auto-scaling-group --auto-scaling-group-name cli-asg --force-delete
until_is 0 aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names cli-asg \
  --query 'length(AutoScalingGroups)'
aws elbv2 delete-target-group --target-group-arn "$targets"
aws ec2 terminate-instances --instance-ids "$instance" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$instance"
aws ec2 deregister-image --image-id "$made" >/dev/null
aws ec2 delete-launch-template --launch-template-name cli-web >/dev/null
until_is "" aws ec2 describe-instances --filters "Name=instance.group-id,Values=$group" \
  Name=instance-state-name,Values=pending,running,shutting-down,stopping,stopped \
  --query 'Reservations[].Instances[].InstanceId'
aws ec2 delete-security-group --group-id "$group" >/dev/null
echo "aws.sh: all went well"
