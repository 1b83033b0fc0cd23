// Node of BehaviorTree.CPP that waits until somebody does something, by the action wait_for_activity.
//
// Header only. Needs BehaviorTree.ROS2 (https://github.com/BehaviorTree/BehaviorTree.ROS2) and the messages of
// co_perception. In CMakeLists.txt of your package:
//
//   find_package(behaviortree_ros2 REQUIRED)
//   find_package(co_perception REQUIRED)
//   add_executable(my_tree my_tree.cpp)
//   ament_target_dependencies(my_tree behaviortree_ros2 co_perception)
//
// In the program, and in the tree:
//
//   BT::RosNodeParams params;
//   params.nh = node;
//   params.default_port_value = "wait_for_activity";
//   factory.registerNodeType<co_perception_bt::WaitForActivity>("WaitForActivity", params);
//
//   <WaitForActivity labels="waving;clapping" timeout_s="30" subject_id="{who}" event_id="{event}"/>

#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "behaviortree_ros2/bt_action_node.hpp"
#include "co_perception/action/wait_for_activity.hpp"

namespace co_perception_bt
{

class WaitForActivity : public BT::RosActionNode<co_perception::action::WaitForActivity>
{
public:
  using BT::RosActionNode<co_perception::action::WaitForActivity>::RosActionNode;

  static BT::PortsList providedPorts()
  {
    return providedBasicPorts({
      BT::InputPort<std::vector<std::string>>("labels", "any one of these, separated by semicolons; empty: any"),
      BT::InputPort<std::vector<std::string>>("subject_ids", "of any one of these; empty: of anybody"),
      BT::InputPort<std::string>("group", "group of the labels; empty: any"),
      BT::InputPort<double>("min_score", 0.0, "least probability, 0..1"),
      BT::InputPort<double>("min_duration_s", 0.0, "time for which it must have stood [s]"),
      BT::InputPort<double>("timeout_s", 0.0, "time after which the node fails [s]; 0: never"),
      BT::InputPort<bool>("only_new", false, "whether it must begin after the goal"),
      BT::OutputPort<std::string>("subject_id", "who does it; empty: the whole scene"),
      BT::OutputPort<std::string>("label", "what"),
      BT::OutputPort<std::string>("event_id", "id of its onset"),
    });
  }

  bool setGoal(Goal & goal) override
  {
    getInput("labels", goal.labels);
    getInput("subject_ids", goal.subject_ids);
    getInput("group", goal.group);
    goal.min_score = static_cast<float>(getInput<double>("min_score").value());
    goal.min_duration = duration(getInput<double>("min_duration_s").value());
    goal.timeout = duration(getInput<double>("timeout_s").value());
    goal.only_new = getInput<bool>("only_new").value();
    return true;
  }

  BT::NodeStatus onResultReceived(const WrappedResult & result) override
  {
    if (result.code != rclcpp_action::ResultCode::SUCCEEDED) {
      return BT::NodeStatus::FAILURE;
    }
    const auto & activity = result.result->activity;
    setOutput("subject_id", activity.subject_id);
    setOutput("label", activity.label);
    setOutput("event_id", activity.event_id);
    return BT::NodeStatus::SUCCESS;
  }

private:
  static builtin_interfaces::msg::Duration duration(double seconds)
  {
    builtin_interfaces::msg::Duration made;
    made.sec = static_cast<std::int32_t>(std::floor(seconds));
    made.nanosec = static_cast<std::uint32_t>((seconds - made.sec) * 1e9);
    return made;
  }
};

}  // namespace co_perception_bt
