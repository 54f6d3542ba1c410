"""Learning the leverage mix from reported liquidations, and writing down what was learned and how."""
