# The estate of estate.deploy for Terraform: the peer that `tests/bench/run` measures against.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
provider "aws" {
  region = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id = true
  skip_metadata_api_check = true
  endpoints {
    ec2 = var.endpoint
    autoscaling = var.endpoint
    elbv2 = var.endpoint
    sts = var.endpoint
  }
}
variable "endpoint" { default = "http://127.0.0.1:5555" }
variable "n" { default = 1 }
variable "release" { default = "v1" }
variable "live" { default = "blue" }
data "aws_vpc" "d" { default = true }
data "aws_subnets" "s" { 
  filter { 
    name = "vpc-id" 
    values = [data.aws_vpc.d.id] 
  } 
}
resource "aws_security_group" "lb" { 
  count = var.n
  name = "lb-${count.index}" 
  vpc_id = data.aws_vpc.d.id 
  ingress { 
    from_port = 80 
    to_port = 80 
    protocol = "tcp" 
    cidr_blocks = ["0.0.0.0/0"] 
  } 
}
resource "aws_lb" "lb" {
  count = var.n
  name = "web-${count.index}"
  load_balancer_type = "application"
  subnets = slice(data.aws_subnets.s.ids,0,2)
  security_groups = [aws_security_group.lb[count.index].id]
}
resource "aws_lb_target_group" "blue" {
  count = var.n
  name = "blue-${count.index}"
  port = 80
  protocol = "HTTP"
  vpc_id = data.aws_vpc.d.id
  health_check { path = "/healthz" }
}
resource "aws_lb_target_group" "green" {
  count = var.n
  name = "green-${count.index}"
  port = 80
  protocol = "HTTP"
  vpc_id = data.aws_vpc.d.id
  health_check { path = "/healthz" }
}
resource "aws_lb_listener" "l" {
  count = var.n
  load_balancer_arn = aws_lb.lb[count.index].arn
  port = 80
  protocol = "HTTP"
  default_action { 
    type = "fixed-response" 
    fixed_response { 
      content_type = "text/plain" 
      status_code = "404" 
    } 
  }
}
resource "aws_lb_listener_rule" "r" {
  count = var.n
  listener_arn = aws_lb_listener.l[count.index].arn
  priority = 10
  action {
    type = "forward"
    forward {
      target_group { 
        arn = aws_lb_target_group.blue[count.index].arn 
        weight = var.live == "blue" ? 100 : 0 
      }
      target_group { 
        arn = aws_lb_target_group.green[count.index].arn 
        weight = var.live == "blue" ? 0 : 100 
      }
    }
  }
  condition { 
    path_pattern { values = ["/*"] } 
  }
}
resource "aws_launch_template" "lt" {
  count = var.n
  name = "lt-${count.index}"
  image_id = "ami-12c6146b"
  instance_type = "t3.micro"
}
resource "aws_autoscaling_group" "blue" {
  count = var.n
  name = "blue-${count.index}"
  min_size = 2
  max_size = 4
  desired_capacity = 2
  vpc_zone_identifier = slice(data.aws_subnets.s.ids,0,2)
  target_group_arns = [aws_lb_target_group.blue[count.index].arn]
  launch_template { 
    id = aws_launch_template.lt[count.index].id 
    version = aws_launch_template.lt[count.index].latest_version 
  }
  wait_for_capacity_timeout = "0"
}
resource "aws_autoscaling_group" "green" {
  count = var.n
  name = "green-${count.index}"
  min_size = 2
  max_size = 4
  desired_capacity = 2
  vpc_zone_identifier = slice(data.aws_subnets.s.ids,0,2)
  target_group_arns = [aws_lb_target_group.green[count.index].arn]
  launch_template { 
    id = aws_launch_template.lt[count.index].id 
    version = aws_launch_template.lt[count.index].latest_version 
  }
  wait_for_capacity_timeout = "0"
}
